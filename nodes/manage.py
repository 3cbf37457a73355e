"""Manage: on each visit a manager assigns a task, finishes, or has to be stopped; no loop, no drift."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.runtime import Runtime
from langgraph.types import Command

from governance.control import control
from governance.errors import Denied
from governance.outcome import Status
from governance.principals import AgentIdentity
from models.governed import ModelFailed
from nodes.agent import work
from nodes.assign import FINISH, Assignment, Report, TeamState, clear_assignment, fingerprint
from nodes.faults import STEP_ERRORS, Contradiction, GaveUp, fault
from nodes.objective import objective_of
from nodes.state import Context, Question
from nodes.step import Node
from nodes.team import Agent
from nodes.turn import Turn, prompt_for, turn_for

REFUSALS = 2
"""How often a manager is told that an assignment is refused before somebody else decides."""

DRIFT = "goal-drift"
"""How the ids of policies begin that hold an assignment against the run's objective; they stop the run."""


def manager_node(manager: Agent, workers: Mapping[str, AgentIdentity], max_rounds: int) -> Node:
    """Make the node in which the manager assigns a task, finishes, or has to be stopped."""

    async def node(state: TeamState, config: RunnableConfig, runtime: Runtime[Context]) -> Command[Any]:
        objective = state.get("objective") or objective_of(state["messages"])
        update: dict[str, Any] = {
            "visits": {manager.name: 1},
            "objective": objective,
            "answers": {manager.name: None},
        }
        visit = Visit(manager, workers, max_rounds, state, objective)
        try:
            turn = await turn_for(manager, manager.name, state, config, runtime.context)
            turn.prompt = prompt_for(manager, visit.view(), runtime.context)
            if not state.get("objective"):
                await control().note(turn.actor.run, "objective_fixed", {"objective": objective[:500]})
            chosen = await visit.choose(turn)
        except (GaveUp, ModelFailed) as error:
            found = fault(manager.name, error)
            if found["status"] not in (Status.FAILED, Status.ESCALATED):
                return Command(goto="deliver", update=update | {"faults": [found]} | visit.left())
            update["question"] = visit.question(str(error), found["status"])
            return Command(goto="escalate", update=update)
        except STEP_ERRORS as error:
            return Command(goto="deliver", update=update | {"faults": [fault(manager.name, error)]})
        if chosen.worker == FINISH:
            done = {"results": {manager.name: {"answer": chosen.answer, "undone": []}}}
            return Command(goto="deliver", update=update | done)
        return Command(goto=chosen.worker, update=update | {"task": chosen.task})

    return node


class Visit:
    """One visit of the manager: what it sees, and whether what it wants may be."""

    def __init__(
        self,
        manager: Agent,
        workers: Mapping[str, AgentIdentity],
        max_rounds: int,
        state: TeamState,
        objective: str,
    ) -> None:
        self.manager, self.workers, self.max_rounds = manager, workers, max_rounds
        self.state, self.objective = state, objective
        self.reports: Sequence[Report] = state.get("reports", [])
        self.refused: Assignment | None = None

    def view(self) -> dict[str, Any]:
        """The request as it came in, what was done, and who has reported; no worker's conversation."""
        ended = {name: any(r["worker"] == name for r in self.reports) for name in self.workers}
        # Not under the names of the assignment's own fields: whoever copies by name would repeat it.
        shown = [
            {"by": r["worker"], "asked": r["task"], "ended": r["status"], "found": r["found"]}
            for r in self.reports
        ]
        asked = [m for m in self.state["messages"] if isinstance(m, HumanMessage)]
        return {
            "messages": asked,
            "results": {"reports": shown, "ended": ended} if shown else {"ended": ended},
        }

    async def choose(self, turn: Turn) -> Assignment:
        """Let the manager choose until its choice may be carried out, within bounds.

        Raises:
            GaveUp: `loop_detected`, `limit_reached`, `denied`, or `failed` for a person to settle.
            Contradiction: A person chose what may not be.
        """
        self._look_for_loop()
        answer = self.state.get("answers", {}).get(self.manager.name)
        repeats, denied, refusal = 0, 0, ""
        for _ in range(1 if answer else REFUSALS + 1):
            values = answer or await work(turn, state=self.state)
            assert self.manager.returns  # noqa: S101 - checked when the graph was built
            chosen = self.manager.returns.model_validate(values)
            assert isinstance(chosen, Assignment)  # noqa: S101 - likewise
            unfit, repeated = self._unfit(chosen), self._repeated(chosen)
            refusal = unfit or repeated
            if not refusal:
                chosen, refusal = await self._clear(chosen, turn)
            if not refusal:
                return chosen
            repeats += bool(repeated)
            denied += not (unfit or repeated)
            self.refused = chosen
            await control().note(
                turn.actor.run, "assignment_refused", {**chosen.model_dump(), "why": refusal}
            )
            if repeats > 1:
                raise GaveUp(Status.LOOP_DETECTED, refusal)
            turn.new.append(HumanMessage(f"That was refused: {refusal}. Choose again."))
        if answer:
            raise Contradiction([refusal], answer)
        msg = f"{self.manager.name} made {REFUSALS + 1} assignments that were refused: {refusal}"
        # What policy forbids, no person can allow; the rest a person may settle.
        raise GaveUp(Status.DENIED if denied > REFUSALS else Status.FAILED, msg)

    def question(self, why: str, on_reject: str) -> Question:
        """Ask a person for the assignment instead."""
        blank = {"worker": "", "task": "", "reason": "", "round": len(self.reports)}
        return {"step": self.manager.name, "reason": why, "values": blank, "on_reject": on_reject}

    def left(self) -> dict[str, Any]:
        """What the manager still wanted when it was stopped."""
        if not self.refused:
            return {}
        undone = f"{self.refused.worker}: {self.refused.task or 'its job'}"
        return {"results": {self.manager.name: {"answer": "", "undone": [undone]}}}

    def _look_for_loop(self) -> None:
        if self.reports and self.reports[-1]["trace"] in {r["trace"] for r in self.reports[:-1]}:
            last = self.reports[-1]
            msg = f"{last['worker']} reported the same as before on the same records; nothing new was learned"
            raise GaveUp(Status.LOOP_DETECTED, msg)

    def _unfit(self, chosen: Assignment) -> str:
        if chosen.worker == FINISH:
            return "" if self.reports else "nobody has worked on the request yet, so it can't be finished"
        if chosen.worker not in self.workers:
            return f"there is no worker {chosen.worker!r}; there are {', '.join(self.workers)} and {FINISH}"
        if len(self.reports) >= self.max_rounds and not self._repeated(chosen):
            self.refused = chosen
            msg = f"{self.max_rounds} assignments were made, and {chosen.worker} would be one more"
            raise GaveUp(Status.LIMIT_REACHED, msg)
        return ""

    def _repeated(self, chosen: Assignment) -> str:
        same = fingerprint(chosen.worker, chosen.task)
        earlier = next((r for r in self.reports if r["fingerprint"] == same), None)
        if not earlier or chosen.worker == FINISH:
            return ""
        shown = json.dumps(earlier["found"], ensure_ascii=False, default=str)[:1_000]
        return f"{chosen.worker} was given this task before; it ended {earlier['status']}: {shown}"

    async def _clear(self, chosen: Assignment, turn: Turn) -> tuple[Assignment, str]:
        """The assignment as it was cleared, or why policy refused it."""
        asked = self.state["messages"]
        try:
            cleared = await clear_assignment(
                chosen, self.workers, turn, objective=self.objective, messages=asked
            )
        except Denied as error:
            if not any(policy.startswith(DRIFT) for policy in error.policies):
                return chosen, error.reason
            self.refused = chosen
            msg = f"goal drift: {error.reason} It was: {chosen.worker}, {chosen.task!r}"
            raise GaveUp(Status.DENIED, msg) from error
        return cleared, ""
