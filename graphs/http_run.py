"""HTTP runs: what a client sends becomes an admitted run or a recorded answer before the server stores it."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from langgraph_sdk import get_client
from langgraph_sdk.errors import NotFoundError

from governance.acts import Json
from governance.answers import parse
from governance.control import ControlPlane, control
from governance.errors import InvalidInput, TowerError
from governance.principals import Run, User
from governance.runs import ENDED, Record
from governance.threads import concerns, runs_on
from graphs.domain import Domain
from graphs.http_owners import Barred, owner
from graphs.http_words import kept_words, masked
from memory.checkpoints import server_checkpointer
from nodes.admission import request_from
from nodes.place import RUN_KEY

# How langgraph-api derives an assistant's id from its graph's name (langgraph_api.graph).
ASSISTANTS = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
MAX_STEPS = 100
"""Super-steps of one graph; the default of about 10,000 would let a loop run for hours."""
SERVER_KEYS = frozenset(
    {
        "langgraph_auth_user", "langgraph_auth_user_id", "langgraph_auth_permissions", "langgraph_request_id",
        "__after_seconds__", "__request_start_time_ms__", "__context_provided__", "__event_streaming_v2",
    }
)  # fmt: skip
"""What the server itself puts into a run's configuration; of the rest only the context's fields are kept."""
INTERRUPT_ID = re.compile(r"[0-9a-f]{32}")


class ThreadBusy(TowerError):
    """The thread isn't free for that."""


@dataclass(frozen=True)
class RunRequest:
    """One request for a run, as the server hands it to its `threads.create_run` handler.

    Attributes:
        value: Changed in place, since the server stores these very dictionaries afterwards.
    """

    application: Domain
    user: User
    value: MutableMapping[str, Any]

    async def admitted(self) -> dict[str, Any]:
        """Admit a new run, record answers, or let a run go on; of the client's words only checked ones stay.

        Returns:
            Whose thread it must be, as a filter on its metadata.

        Raises:
            Barred, InvalidInput, ThreadBusy: Refused, with the reason; the server stores nothing.
        """
        self._refuse_unsafe()
        await self.application.prepare()
        # All that can be refused is, before a run is opened or an answer recorded.
        await self._check_checkpoint()
        words, kwargs = await kept_words(self.user, self.value), self.value["kwargs"]
        if kwargs.get("command"):
            run = await self._answered(kwargs["command"])
        elif kwargs.get("input") is None:
            run = await self._going_on()
        else:
            run = await self._opened(kwargs["input"])
        kwargs["command"] = None
        self._seal(run, words)
        return owner(run.user)

    @property
    def thread(self) -> str:
        """The thread's id."""
        return str(self.value["thread_id"])

    def _refuse_unsafe(self) -> None:
        if self.value.get("thread_id") is None:
            msg = "a run needs a thread, so that a person can be asked: create one with POST /threads"
            raise InvalidInput(msg)
        if self.value["kwargs"].get("webhook"):
            msg = "webhooks are off: an answer goes to whoever is cleared to read it, not to an address"
            raise InvalidInput(msg)
        if self.value.get("multitask_strategy") not in (None, "enqueue", "reject"):
            msg = "multitask_strategy is enqueue or reject; a run in progress is not taken back by another"
            raise InvalidInput(msg)

    async def _opened(self, raw: Json) -> Run:
        """A new run, on a thread of the user's own that carries none yet."""
        if not isinstance(raw, Mapping):
            msg = 'input is an object: {"messages": [{"role": "user", "content": "…"}]}'
            raise InvalidInput(msg)
        await self._check_thread()
        admitted = await self.application.admission.admit(
            self.user, self._graph(), await request_from(raw), self.thread
        )
        self.value["kwargs"]["input"] = admitted.input
        return await self._taken_up(admitted.run)

    def _graph(self) -> str:
        ids = {uuid5(ASSISTANTS, name): name for name in self.application.graphs}
        name = ids.get(UUID(str(self.value["assistant_id"])))
        if name is None:
            msg = f"there is no such graph; there are {', '.join(ids.values())}"
            raise InvalidInput(msg)
        return name

    async def _check_thread(self) -> None:
        """Before anything is opened: the thread is there, the user's own, and free.

        Raises:
            InvalidInput, ThreadBusy: It isn't.
        """
        # Only some graphs know how to begin afresh with the history of an earlier request.
        conversation = self._graph() in self.application.admission.conversations
        for record in await self._records():
            if owner(record.run.user) != owner(self.user):
                raise self._elsewhere()
            if conversation and record.state == ENDED:
                continue
            msg = f"thread {self.thread} carries run {record.run.id} ({record.state}); start a new thread"
            raise ThreadBusy(msg)
        try:
            metadata = (await get_client().threads.get(self.thread)).get("metadata") or {}
        except NotFoundError as error:
            if self.value.get("if_not_exists") == "create":
                return
            msg = f"there is no thread {self.thread}; create one with POST /threads"
            raise InvalidInput(msg) from error
        if (metadata.get("owner"), metadata.get("tenant")) != (self.user.id, self.user.tenant):
            raise self._elsewhere()

    def _elsewhere(self) -> Barred:
        return Barred(f"thread {self.thread} belongs to somebody else; start one of your own")

    async def _records(self) -> list[Record]:
        return await control().store.read(lambda tx: runs_on(tx, self.thread))

    async def _answered(self, command: Mapping[str, Json]) -> Run:
        """The run whose question was answered; the answer is in the control database, and nowhere else."""
        if any(command.get(name) for name in ("update", "goto")) or "resume" not in command:
            msg = "a command may only answer (command.resume); state and next steps are not a client's to set"
            raise Barred(msg)
        if self.value["kwargs"].get("input") is not None:
            msg = "give an answer (command.resume) or a request (input), not both"
            raise InvalidInput(msg)
        plane = control()
        answers = answers_in(await masked(self.user, command["resume"]))
        for answer in answers:
            await self._check_answer(plane, answer)
        decided = [await plane.decide(self.user, answer) for answer in answers]
        return await plane.run(decided[0].run)

    async def _check_answer(self, plane: ControlPlane, answer: Json) -> None:
        """Refuse what isn't an answer to this thread's question; `decide` refuses and logs the rest."""
        try:
            approval = await plane.approval(parse(answer).approval_id)
        except InvalidInput:
            await plane.decide(self.user, answer)
            raise
        run = await plane.run(approval.run)
        if approval.tenant != self.user.tenant:
            return
        if run.thread_id != self.thread:
            msg = f"approval {approval.id} was asked on another thread; answer it there"
            raise InvalidInput(msg)
        await self._taken_up(run)

    async def _taken_up(self, run: Run) -> Run:
        if self._graph() != run.graph:  # the other's steps would begin at this one's checkpoint
            msg = f"run {run.id} is one of {run.graph} and nothing else can go on with it; name that graph"
            raise InvalidInput(msg)
        await control().take_up(run, self.application.steps(run.graph))
        return run

    async def _going_on(self) -> Run:
        """The run on this thread that isn't over; from its stored input where it has no checkpoint."""
        plane = control()
        asked = await plane.store.read(lambda tx: concerns(tx, self.user, self.thread, plane.clock()))
        records = await self._records()
        if not asked and any(owner(r.run.user) != owner(self.user) for r in records):
            raise self._elsewhere()
        record = next((r for r in records if r.state != ENDED), None)
        if record is None:
            msg = f"thread {self.thread} has no run of yours to go on with; send an input"
            raise ThreadBusy(msg)
        if (await self._head()).get(RUN_KEY) != record.run.id:
            self.value["kwargs"]["input"] = record.input
        return await self._taken_up(record.run)

    async def _head(self) -> Mapping[str, Any]:
        """Metadata of the thread's latest checkpoint, and its id."""
        async with server_checkpointer() as saver:
            found = await saver.aget_tuple({"configurable": {"thread_id": self.thread, "checkpoint_ns": ""}})
        return {**found.metadata, "id": found.checkpoint["id"]} if found else {}

    async def _check_checkpoint(self) -> None:
        given = (self.value["kwargs"]["config"].get("configurable") or {}).get("checkpoint_id")
        if given and given != (await self._head()).get("id"):
            msg = "a run goes on from its thread's latest checkpoint; leave checkpoint out"
            raise InvalidInput(msg)

    def _seal(self, run: Run, words: Json) -> None:
        """Keep of the client's configuration what is harmless, masked; the rest is the server's and ours."""
        kwargs, config = self.value["kwargs"], self.value["kwargs"]["config"]
        given = config.get("configurable") or {}
        kwargs["context"], metadata, tags = words
        # A thread that the server makes for this run takes its metadata, and so its owner, from here.
        self.value["metadata"].clear()
        self.value["metadata"].update(metadata | owner(run.user) | {RUN_KEY: run.id})
        config.clear()
        config["configurable"] = {k: v for k, v in given.items() if k in SERVER_KEYS}
        config["configurable"] |= kwargs["context"] | {RUN_KEY: run.id}
        config |= {"metadata": dict(self.value["metadata"]), "tags": tags, "recursion_limit": MAX_STEPS}
        # For feedback keys the server would ask LangSmith, configured or not.
        kwargs |= {"durability": "sync", "checkpoint_during": True, "feedback_keys": None}


def answers_in(resume: Json) -> list[Json]:
    """The answers of a resume: one, or several by the id of their interrupt."""
    if isinstance(resume, dict) and resume and all(INTERRUPT_ID.fullmatch(str(key)) for key in resume):
        return list(resume.values())
    return [resume]
