"""Confidence: a result is no surer than its evidence, and looked at once more where policy says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from langchain_core.messages import HumanMessage

from governance.confidence import FACT, ConfidenceRule
from governance.control import control
from models.governed import ModelFailed
from models.offline.facts import LOOK_AGAIN
from nodes.fallback import Begin, Work, take_over
from nodes.faults import Contradiction, GaveUp
from nodes.nested import Nested
from nodes.team import Agent
from nodes.turn import Turn

Evidence = Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, bool]]
"""Given a result and the state: value of the result → whether what was written or read bears it out."""


def sure_of(result: Mapping[str, Any]) -> int | None:
    """How sure a result says that it is, in percent; None where it says nothing."""
    said = result.get(FACT)
    return said if isinstance(said, int) else None


def least_sure(results: Iterable[Mapping[str, Any]]) -> int | None:
    """How sure an act is that rests on all of them; None where one of them doesn't say."""
    said = [sure_of(each) for each in results]
    return min((sure for sure in said if sure is not None), default=None) if None not in said else None


def rated(result: dict[str, Any], found: Mapping[str, bool]) -> dict[str, Any]:
    """The result, no surer than its evidence: the weakest value counts as much as all of them together."""
    if sure_of(result) is None or all(found.values()):
        return result
    return result | {FACT: min(result[FACT], 50 * sum(found.values()) // len(found))}


def rule_for(tools: Collection[str]) -> ConfidenceRule | None:
    """The strictest of the rules for these tools; None where none has one."""
    rules = control().limits.confidence
    return max((rules[name] for name in tools if name in rules), key=lambda rule: rule.least, default=None)


async def look_again(
    first: dict[str, Any], turn: Turn, rule: ConfidenceRule, fallback: Agent | None, begin: Begin, work: Work
) -> tuple[dict[str, Any], Turn]:
    """Let those whom the rule names look once more, until one is sure enough; the surest result counts.

    The threshold isn't told to any of them. After a write nobody looks again, and a look that comes
    to nothing leaves what was found before it. A pattern would find the same again, so only `another`
    looks after it. Each is on record, with what it changed; so is a look that nobody is there for.
    """
    best, name = first, turn.agent.name
    for who in rule.before_asking:
        before: int = best[FACT]
        if before >= rule.least or turn.wrote:
            break
        if fallback in (None, turn.agent) if who == "another" else isinstance(turn.agent, Nested):
            note = {"agent": name, "confidence": before, "then": who, "skipped": True}
            await control().note(turn.actor.run, "unsure", note)
            continue
        if who == "another" and fallback:
            turn = await take_over(turn, fallback, begin)
        else:
            turn.new.append(HumanMessage(f"{LOOK_AGAIN}you are {before} % sure. {_HOW}"))
        try:
            found = await work(turn)
        except (Contradiction, GaveUp, ModelFailed):
            found = {}
        changed = sorted(name for name in found if found[name] != best.get(name))
        note = {"agent": name, "confidence": before, "then": who, "found": sure_of(found), "changed": changed}
        await control().note(turn.actor.run, "unsure", note)
        if (sure_of(found) or 0) > before:
            best = found
    if best[FACT] < rule.least:
        note = {"agent": name, "confidence": best[FACT], "then": "person"}
        await control().note(turn.actor.run, "unsure", note)
    return best, turn


_HOW = (
    "Read what was written and what is on record again, above all where you were in doubt or went beyond it,"
    " and give the final answer again, with how sure you are now."
)
