"""Reconcile: the branches' verdicts become one result, with dissent and absences in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from governance.control import control
from governance.errors import EffectUnknown
from governance.outcome import Status, worst
from nodes.place import current_run
from nodes.resolve import Arbiter, AskHuman, Resolution
from nodes.state import Fault
from nodes.step import Node
from nodes.verdict import Absence, TeamState, confidence, distinct, supporters

RECONCILED = "reconciled"
"""Where the team's result stands in `results`."""

CONTROLS = {Status.CANCELLED, Status.DENIED, Status.REJECTED, Status.BUDGET_EXHAUSTED}
"""What the control plane or a person refused is the run's status, whatever a quorum of others says."""

DOUBT = EffectUnknown.__name__
"""So is an effect that may or may not have happened: a person must settle it."""

Next = tuple[str, dict[str, Any]]
"""The node to go to, and the update of the state."""


@dataclass(frozen=True)
class Panel:
    """A team and how it comes to one verdict.

    Attributes:
        branches: Names in the declared order, which is the order of everything that is reported.
        choices: What a verdict may be.
        quorum: Fewest verdicts for an outcome better than `failed`.
    """

    branches: Sequence[str]
    choices: Sequence[str]
    resolve: Sequence[Resolution]
    quorum: int

    def verdicts(self, state: TeamState) -> dict[str, dict[str, Any]]:
        """The verdicts that were given, in the team's order."""
        given = state.get("verdicts", {})
        return {name: given[name] for name in self.branches if name in given}

    def absences(self, state: TeamState) -> list[Absence]:
        """The branches without a verdict, in the team's order."""
        absent = state.get("absences", {})
        return [absent[name] for name in self.branches if name in absent]

    async def go_on(self, state: TeamState, config: RunnableConfig, start: int) -> Next:
        """Try the resolutions from `start` on: settle, or go to whom the next one asks."""
        verdicts = self.verdicts(state)
        stopped = bool(_standing(self.absences(state)))
        for resolution in self.resolve[start:]:
            if not isinstance(resolution, Arbiter | AskHuman):
                choice = resolution.settle(verdicts)
                if choice is not None:
                    return await self.settled(state, config, choice, by=resolution.name)
            elif not stopped:  # a best-effort answer asks nobody any more
                return resolution.name, {}
        return await self.unsettled(state, config, "no agreement, and nothing that was tried settled it")

    async def settled(
        self,
        state: TeamState,
        config: RunnableConfig,
        choice: str,
        *,
        by: str,
        said: Mapping[str, Any] | None = None,
    ) -> Next:
        """End with a choice; dissent goes to the outcome and to the audit log.

        Args:
            by: Who or what settled it.
            said: Confidence, reason or evidence of whoever decided, over those of the supporters.
        """
        verdicts = self.verdicts(state)
        behind = supporters(verdicts, choice)
        dissent = [{"branch": name, **verdicts[name]} for name in verdicts if name not in behind]
        result = {
            **self._found(state),
            **_grounds([verdicts[name] for name in behind]),
            **(said or {}),
            "choice": choice,
            "settled_by": by,
            "dissent": dissent,
        }
        run = await current_run(config)
        votes = {each: supporters(verdicts, each) for each in distinct(verdicts)}
        await control().note(run, "reconciled", {"choice": choice, "by": by, "votes": votes})
        for each in dissent:
            await control().note(run, "dissent", each)
        return "deliver", {"results": {RECONCILED: result}}

    async def unsettled(
        self, state: TeamState, config: RunnableConfig, reason: str, status: Status = Status.ESCALATED
    ) -> Next:
        """End without a choice; every verdict there is stays readable in the result."""
        fault: Fault = {"status": status.value, "step": "reconcile", "reason": reason}
        await control().note(await current_run(config), "not_reconciled", dict(fault))
        return "deliver", {"results": {RECONCILED: self._found(state)}, "faults": [fault]}

    def _found(self, state: TeamState) -> dict[str, Any]:
        return {"verdicts": self.verdicts(state), "absent": self.absences(state)}


def reconcile_node(panel: Panel) -> Node:
    """Make the join: below the quorum the run fails, else the resolutions are tried in order."""

    async def reconcile(state: TeamState, config: RunnableConfig) -> Command[Any]:
        goto, update = await _join(panel, state, config)
        return Command(goto=goto, update={**update, "visits": {"reconcile": 1}})

    return reconcile


async def _join(panel: Panel, state: TeamState, config: RunnableConfig) -> Next:
    verdicts = panel.verdicts(state)
    if len(verdicts) < panel.quorum:
        status = worst([Status.FAILED, *(Status(each["status"]) for each in panel.absences(state))])
        reason = f"{len(verdicts)} of {len(panel.branches)} verdicts, and the quorum is {panel.quorum}"
        return await panel.unsettled(state, config, reason, status)
    choices = distinct(verdicts)
    if len(choices) == 1:
        return await panel.settled(state, config, choices[0], by="unanimous")
    return await panel.go_on(state, config, 0)


def reconciled(results: Mapping[str, Any]) -> dict[str, Any]:
    """Compose the outcome: the choice with its reason, the dissent, and who is missing and why."""
    found = results.get(RECONCILED, {})
    absent: list[Absence] = found.get("absent", [])
    return {
        "status": worst([*(Status.PARTIAL for _ in absent), *_standing(absent)]),
        "answer": _in_words(found) if "choice" in found else "",
        "reasons": [f"{each['branch']}: {each['error']}: {each['reason']}" for each in absent],
        "evidence": found.get("evidence", []),
        "dissent": found.get("dissent", []),
        "undone": [each["branch"] for each in absent],
        "result": {name: value for name, value in found.items() if name not in ("evidence", "dissent")},
    }


def _standing(absent: Sequence[Absence]) -> list[Status]:
    """The absences' statuses that a quorum doesn't outweigh."""
    return [Status(each["status"]) for each in absent if each["status"] in CONTROLS or each["error"] == DOUBT]


def _in_words(found: Mapping[str, Any]) -> str:
    differ = [f"{each['branch']} says {each['choice']}" for each in found["dissent"]]
    return f"{found['choice']} ({', '.join([found['settled_by'], *differ])}): {found['reason']}"


def _grounds(behind: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What those behind a choice say: evidence of all, mean confidence, the rest as the surest says it."""
    if not behind:
        return {"confidence": 0, "reason": "no branch had this position", "evidence": []}
    surest = max(behind, key=lambda verdict: int(verdict["confidence"]))
    evidence = [finding for verdict in behind for finding in verdict["evidence"]]
    return {**surest, "confidence": confidence(behind), "evidence": evidence}
