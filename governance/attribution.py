"""Attribution: which step of a run went wrong first, of what kind that is, and who answers for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Recorded = Mapping[str, Any]
"""An entry of the audit log as JSON."""

_OF_REFUSAL = {
    "BudgetExhausted": "policy",
    "RateLimited": "policy",
    "EffectUnknown": "tool",
    "ApprovalRejected": "person",
}
_OF_SEAM = {"model": "model", "tool": "tool", "route": "routing", "memory": "context", "delivery": "policy"}
_OF_NOTE = {
    "invalid_output": "model", "contradiction": "data", "branch_absent": "model", "late_result": "model",
    "completion_refused": "model", "not_reconciled": "routing", "speaker_fallback": "routing",
}  # fmt: skip
_FAULTS = ("refused", "failed", "unknown", "abandoned", *_OF_NOTE)


@dataclass(frozen=True, slots=True)
class Faulty:
    """A step that went wrong, in the words of the log.

    Attributes:
        entry: Number of its entry.
        kind: `model`, `tool`, `routing`, `context`, `data`, `policy`, or `person` where somebody said no.
        what: What is at fault: an agent, a tool, a model, the policies that decided.
        version: Of the agent, or of the policy set.
        overcome: The same act or agent came to a result later.
    """

    entry: int
    hash: str
    time: str
    kind: str
    step: str
    what: str
    version: str
    owner: str
    evidence: str
    overcome: bool


@dataclass(frozen=True)
class Teams:
    """Who answers for what: agents by name and version, tools and policies by name."""

    agents: Mapping[tuple[str, str], str]
    tools: Mapping[str, str]
    policies: Mapping[str, str]


def faults(entries: Iterable[Recorded], teams: Teams) -> list[Faulty]:
    """All that went wrong in a run, in order."""
    log = list(entries)
    return [
        _faulty(entry, log, log[number + 1 :], teams) for number, entry in enumerate(log) if _counts(entry)
    ]


def first_fault(found: Iterable[Faulty]) -> Faulty | None:
    """The first step that nobody made good for."""
    return next((each for each in found if not each.overcome), None)


def _counts(entry: Recorded) -> bool:
    asks = entry["body"].get("refusal") == "ApprovalRequired"
    return entry["kind"] in _FAULTS and not asks


def _faulty(entry: Recorded, log: list[Recorded], later: list[Recorded], teams: Teams) -> Faulty:
    body, agent = (
        entry["body"],
        entry.get("actor") or entry["body"].get("agent") or entry["body"].get("branch"),
    )
    seen = (e.get("agent_version") for e in log if e.get("actor") == agent)
    version = entry.get("agent_version") or next(filter(None, seen), "")
    kind, what = _kind(entry), agent or entry["kind"]
    owner = teams.agents.get((str(agent), version)) or _any_version(teams, agent)
    if kind == "tool":
        what = str(entry.get("action"))
        owner = teams.tools.get(what, owner)
    if kind == "policy":
        what = ", ".join(entry.get("policies", ())) or str(
            body.get("scope") or body.get("refusal") or entry["action"]
        )
        version = str(entry.get("policy_version"))
        owner = (
            ", ".join(_distinct(teams.policies.get(name, "") for name in entry.get("policies", ())))
            or "operations"
        )
    if kind == "model" and entry.get("model"):
        what = f"{agent} with {entry['model']}"
    step = "/".join(str(entry.get("key") or agent or "").split("/")[1:-3]) or str(agent or "")
    why = body.get("reason") or body.get("error") or body.get("problem") or body.get("problems") or body
    evidence = why if isinstance(why, str) else str(why)
    return Faulty(
        entry["seq"], entry["hash"], entry["time"], kind, step, what, version, owner or "nobody", evidence,
        _overcome(entry, later),
    )  # fmt: skip


def _kind(entry: Recorded) -> str:
    body = entry["body"]
    if entry["kind"] in _OF_NOTE:
        return _OF_NOTE[entry["kind"]]
    if entry["kind"] != "refused":
        return _OF_SEAM.get(str(entry.get("seam")), "tool")
    if body.get("refusal") in _OF_REFUSAL:
        return _OF_REFUSAL[body["refusal"]]
    if body.get("refusal") == "BreakerOpen":
        return {"model": "model", "tool": "tool"}.get(str(body.get("breaker", "")).split(":")[0], "model")
    if "task-contract" in entry.get("policies", ()):
        return "context"  # it asks for what this request isn't about
    return {"route": "routing", "memory": "context"}.get(str(entry.get("seam")), "policy")


def _overcome(entry: Recorded, later: list[Recorded]) -> bool:
    """The very act was settled in the end; or, after a bad answer, the agent's last word was good."""
    if entry["kind"] in ("failed", "unknown", "abandoned"):
        return any(e.get("key") == entry.get("key") and e["kind"] in ("settled", "resolved") for e in later)
    if entry["kind"] == "invalid_output":
        agent = entry["body"].get("agent")
        again = [e for e in later if e["kind"] in ("settled", "invalid_output") and _who(e) == agent]
        return bool(again) and again[-1]["kind"] == "settled"
    return False


def _who(entry: Recorded) -> Any:
    return entry.get("actor") or entry["body"].get("agent")


def _any_version(teams: Teams, agent: object) -> str:
    return next((team for (name, _), team in teams.agents.items() if name == agent and team), "")


def _distinct(names: Iterable[str]) -> Iterator[str]:
    return iter(dict.fromkeys(filter(None, names)))
