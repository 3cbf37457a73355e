"""Play: one request goes through a real graph, with people's answers as the case gives them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from langchain_core.outputs import LLMResult
from langgraph.types import Command

from evals.datasets import Approval as Given
from evals.dead_time import dead_seconds
from evals.suites import Unjudged
from governance.acts import Seam
from governance.approvals import Approval
from governance.control import control
from governance.errors import Denied, InvalidInput, NoCompletion, TowerError
from governance.principals import User
from governance.runs import ENDED, Record
from governance.settings import Settings
from graphs.domain import Domain
from memory.checkpoints import open_checkpointer
from nodes.admission import Request
from nodes.faults import STEP_ERRORS
from nodes.place import RUN_KEY

MAX_STEPS = 100
ASKS = "ask_human"
"""The act by which a run puts a question of its own to a person."""


class Prompts(BaseCallbackHandler):
    """Keeps every prompt that leaves for a model, and the tool calls of every answer."""

    run_inline = True

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: list[ToolCall] = []
        self.said: list[str] = []

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> None:
        """Keep one."""
        del serialized, kwargs
        self.texts += [f"{m.text} {getattr(m, 'tool_calls', '')}" for each in messages for m in each]

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Keep what was answered."""
        del kwargs
        for message in (getattr(each, "message", None) for all_ in response.generations for each in all_):
            if isinstance(message, AIMessage):
                self.calls += message.tool_calls
                self.said.append(message.text)


@dataclass
class Played:
    """What became of a request.

    Attributes:
        status: The outcome's, `waiting` for a person, or `refused` before a run began.
        state: The graph's last state.
        calls: Every tool call that a model proposed, in order, carried out or not.
        said: The text of every answer of a model.
        entries: What the audit log says about the run.
        wrongly: Answers that had to be refused and were taken, and the other way round.
        prompts: Everything that models were shown.
        seconds: From the request to where it came to rest.
    """

    status: str
    record: Record | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    calls: Sequence[ToolCall] = ()
    said: Sequence[str] = ()
    entries: Sequence[Mapping[str, Any]] = ()
    wrongly: list[str] = field(default_factory=list)
    prompts: Sequence[str] = ()
    error: str = ""
    seconds: float = 0.0

    @property
    def run(self) -> str:
        """The run's id, or nothing."""
        return self.record.run.id if self.record else ""

    @property
    def outcome(self) -> Mapping[str, Any]:
        """The typed outcome, or nothing."""
        return (self.record.outcome if self.record else None) or {}

    def count(self, kind: str) -> int:
        """How many entries of a kind the log has."""
        return sum(entry["kind"] == kind for entry in self.entries)

    @property
    def handed_over(self) -> bool:
        """Whether it is a person's now: it ended so, or waits for the answer to a question of its own."""
        asked = [entry["action"] for entry in self.entries if entry["kind"] == "approval_requested"]
        return self.status == "escalated" or (self.status == "waiting" and asked[-1:] == [ASKS])

    @property
    def used(self) -> Mapping[str, Any]:
        """The run, and what it took, as a row names them: seconds, tokens and money of settled acts."""
        costs = [entry.get("cost") or {} for entry in self.entries if entry["kind"] in ("settled", "failed")]
        spent = {unit: sum(cost.get(unit, 0) for cost in costs) for unit in ("tokens", "micros")}
        return {"run": self.run, "seconds": self.seconds, **spent}

    @property
    def dead_seconds(self) -> float:
        """Time of the run in which neither a model nor a tool was at work."""
        return dead_seconds(self.entries)


async def play(
    application: Domain,
    graph: str,
    user: User,
    request: Request,
    answers: Iterable[Given] = (),
    people: Mapping[str, User] | None = None,
    *,
    compiled: Any = None,
    confirms: str = "",
) -> Played:
    """Admit a request and take its run as far as it goes.

    Args:
        confirms: Who answers the run's own questions with what it proposes, instead of leaving them open.
        compiled: A graph that runs under `graph`'s contract instead of it.

    Raises:
        Unjudged: A model was away, or the control plane: neither success nor failure is the agents'.
    """
    started = time.perf_counter()
    try:
        admitted = await application.admission.admit(user, graph, request, uuid4().hex)
    except (Denied, InvalidInput) as refusal:
        return Played("refused", error=str(refusal))
    prompts, played = Prompts(), Played("failed")
    config: Any = {
        "configurable": {"thread_id": admitted.run.thread_id, RUN_KEY: admitted.run.id},
        "recursion_limit": MAX_STEPS,
        "callbacks": [prompts],
    }
    async with open_checkpointer(Settings.from_env().url("checkpoints")) as saver:
        runnable = (compiled or application.graph(graph)).copy(update={"checkpointer": saver})
        step: Any = admitted.input
        left = list(answers)
        try:
            while True:
                state = await runnable.ainvoke(step, config, durability="sync")
                played.state = state
                waiting = state.get("__interrupt__", ())
                if not waiting or not await _answered(admitted.run.id, left, people or {}, played, confirms):
                    break
                step = Command(resume={each.id: {"wake": True} for each in waiting})
        except STEP_ERRORS as error:
            played.error = str(error)
        except TowerError as error:
            raise Unjudged(str(error), admitted.run.id) from error
    await _finished(admitted.run.id, played, prompts)
    played.seconds = time.perf_counter() - started
    if away := _away(played.entries):
        raise Unjudged(away, admitted.run.id)
    return played


def _away(entries: Sequence[Mapping[str, Any]]) -> str:
    """Why no model answered: some patterns go on without, and a proxy's page looks like an answer."""
    for entry in entries:
        if entry["kind"] == "model_unavailable":
            return str(entry["body"]["reason"])
    calls = [entry for entry in entries if entry.get("seam") == Seam.MODEL]
    answered = {entry["key"] for entry in calls if entry["kind"] == "settled"}
    failed = (e for e in calls if e["kind"] == "failed" and e["key"] not in answered)
    none = (str(e["body"]["error"]) for e in failed)
    return next((said[:300] for said in none if said.startswith(f"{NoCompletion.__name__}:")), "")


async def _answered(
    run: str, left: list[Given], people: Mapping[str, User], played: Played, confirms: str
) -> bool:
    """Give answers until one is taken; False where nobody answers any more."""
    while True:
        waiting = [
            asked
            for tenant in {person.tenant for person in people.values()}
            for asked in await control().pending(tenant)
            if asked.run == run
        ]
        question = next((asked for asked in waiting if asked.action == ASKS), None)
        if confirms and question:
            given, asked = Given(by=confirms, decision="edit", refused=False), question
        else:
            fitting = [asked for asked in waiting if left and left[0].decision in asked.allowed]
            if not fitting:
                return False
            given, asked = left.pop(0), fitting[0]
        try:
            await control().decide(people[given.by], _answer(given, asked))
        except (Denied, InvalidInput) as refusal:
            if not given.refused:
                played.wrongly.append(f"{given.by}'s {given.decision} was refused: {refusal}")
            if asked is question:
                return False
            continue
        if given.refused:
            played.wrongly.append(f"{given.by}'s {given.decision} was taken")
        return True


def _answer(given: Given, asked: Approval) -> dict[str, Any]:
    answer: dict[str, Any] = {"approval_id": asked.id, "type": given.decision}
    if given.decision == "edit":
        args = dict(asked.args) if asked.action == ASKS else {**asked.args, "amount": given.amount}
        answer["edited_action"] = {"name": asked.action, "args": args}
    return answer


async def _finished(run: str, played: Played, prompts: Prompts) -> None:
    plane = control()
    played.record = await plane.record(run)
    played.entries = list(plane.audit.entries(run=run))
    played.prompts, played.calls, played.said = prompts.texts, prompts.calls, prompts.said
    if played.record.state == ENDED:
        played.status = str(played.outcome["status"])
    elif not played.error:
        played.status = "waiting"
