"""Group chat: agents in one conversation about one draft, until its checkers accept it or a limit is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langgraph.graph import END, START

from graphs.guards import check_human_path, check_jobs, check_owner, check_size
from graphs.pattern import Graph, PatternError, add, check_names, new_graph
from nodes.chair import CHAIR, chair_node
from nodes.chat import CHAT, ChatState, Checker, Team, is_checker
from nodes.deliver import deliver_node
from nodes.escalate import escalate
from nodes.finding import SATISFIED, in_words
from nodes.member import member_node
from nodes.nested import Compiled, standing
from nodes.speaker import ByFunction, Selection, draft_then_checks
from nodes.team import Agent
from nodes.termination import AnyOf, ExternalStop, MaxRounds, Satisfied, Stop

Say = Callable[[Mapping[str, Any]], str]
"""From the draft to the answer in words."""


def said(draft: Mapping[str, Any]) -> str:
    """All that a draft says, a field a paragraph."""
    return "\n\n".join(str(value) for value in draft.values() if value)


STOP = (Satisfied(), MaxRounds(3), ExternalStop())
"""When a conversation ends unless its team says otherwise: whichever comes first."""

BEST_EFFORT = frozenset({SATISFIED, "needs_revision", "max_rounds"})
"""Ends whose draft is an answer; one that was never checked is none."""


def group_chat(
    members: Sequence[Agent | Checker | Compiled],
    *,
    owner: str,
    select: Selection | None = None,
    stop: Sequence[Stop] = STOP,
    max_calls: int = 18,
    max_turns: int = 4,
    many: str = "",
    say: Say = said,
) -> Graph:
    """Build a graph in which agents talk in turns about what the owner drafts.

    Args:
        members: Agents; one that returns a `Review` is a checker, and a `Checker` may have rules.
            A `Nested` pattern may stand among them; its outcome's result is what it says.
        owner: Whose result is the draft and the decision.
        select: Who speaks next: `ByFunction` (one after another unless set) or `ByModel`.
        stop: Over as soon as one of them is met; `AllOf` for several at once.
        max_calls: Model calls of the whole conversation, the chooser's included.
        max_turns: Model calls of one turn.
        many: Why there are more than three speakers.
        say: From the draft to the answer.

    Raises:
        PatternError: Two of one name or job, no owner, a maker who checks itself, or no certain end.
    """
    checkers = {c.agent.name: c for c in map(_checker, members) if c}
    agents = [standing(member.agent if isinstance(member, Checker) else member) for member in members]
    check_names([agent.name for agent in agents])
    team = Team({agent.name: agent for agent in agents}, owner, checkers)
    check_owner(owner, team.members)
    check_jobs(agents)
    check_size(agents, many)
    _check_apart(team)
    _check_end(stop, checkers)
    g = new_graph(ChatState)
    chair = chair_node(team, (select or ByFunction()).over(team), AnyOf(stop), max_calls)
    add(g, CHAIR.name, chair, to=[*team.members, "escalate", "deliver"])
    for agent in agents:
        node = member_node(agent, team, max_calls=max_calls, max_turns=max_turns)
        add(g, agent.name, node, to=[CHAIR.name, "escalate", "deliver"], runs=agent)
    add(g, "escalate", escalate, to=[owner, "deliver"], human=True)
    add(g, "deliver", deliver_node(lambda results: _outcome(results, owner, say)))
    g.add_edge(START, CHAIR.name)
    g.add_edge("deliver", END)
    check_human_path(g, team.members)
    return g


def maker_checker(
    maker: Agent | Compiled,
    checkers: Sequence[Agent | Checker | Compiled],
    *,
    max_rounds: int = 3,
    **more: Any,
) -> Graph:
    """Build a group in which one drafts and the others check each draft, until all are satisfied.

    Args:
        max_rounds: Drafts at most; then the last one and the open findings go to a person.
        more: Any other knob of `group_chat` but `owner`, `select` and `stop`.

    Raises:
        PatternError: No checker, or the maker checks itself.
    """
    maker = standing(maker)
    if not checkers:
        msg = f"nobody checks what {maker.name} makes; name a checker, or use `single`"
        raise PatternError(msg)
    if any(_checker(one) is None for one in checkers):
        msg = "a checker returns a `Review`, so that its verdict is never read out of prose"
        raise PatternError(msg)
    stop = (Satisfied(), MaxRounds(max_rounds), ExternalStop())
    select = ByFunction(draft_then_checks)
    return group_chat([maker, *checkers], owner=maker.name, select=select, stop=stop, **more)


def _checker(member: Agent | Checker | Compiled) -> Checker | None:
    if isinstance(member, Checker):
        return member
    agent = standing(member)
    return Checker(agent) if is_checker(agent) else None


def _check_apart(team: Team) -> None:
    """Nobody checks their own work, and policy can tell who checks from who makes."""
    maker = team.members[team.owner]
    for checker in team.checkers.values():
        if checker.agent.name == maker.name or checker.agent.kind == maker.kind:
            msg = (
                f"{checker.agent.name} would check {maker.name} as the same principal "
                f"({maker.kind}); give the checker a name and a kind of its own"
            )
            raise PatternError(msg)
        if not is_checker(checker.agent):
            msg = f"{checker.agent.name} checks, so it must return a `Review`"
            raise PatternError(msg)


def _check_end(stop: Sequence[Stop], checkers: Mapping[str, Checker]) -> None:
    if not AnyOf(stop).bounded:
        msg = "nothing ends this conversation for certain; add MaxRounds or TimeLimit to `stop`"
        raise PatternError(msg)
    named = {name for one in stop if isinstance(one, Satisfied) for name in one.by}
    if named - set(checkers):
        msg = f"Satisfied names {sorted(named - set(checkers))}; the checkers are {sorted(checkers)}"
        raise PatternError(msg)


def _outcome(results: Mapping[str, Any], owner: str, say: Say) -> dict[str, Any]:
    """The draft with how the conversation ended; what is open is undone, or overruled and kept as dissent."""
    chat, draft = results.get(CHAT, {"status": "failed", "findings": []}), results.get(owner)
    still = [finding for finding in chat["findings"] if finding["state"] == "open"]
    agreed = chat["status"] == SATISFIED
    return {
        "answer": say(draft) if draft and chat["status"] in BEST_EFFORT else "",
        "dissent": still if agreed else [],
        "undone": [] if agreed else in_words(still) or [f"{owner}'s draft"],
        "reasons": [chat["reason"]] if agreed else [],
        "result": {**chat, "draft": draft},
    }
