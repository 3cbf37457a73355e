"""The world that a cell looks at: the ledger, the provider, the log; and ways to break it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.runtime import RunControl
from langgraph.types import Command

from governance.acts import Clearance
from governance.control import ControlPlane, use_control
from governance.limits import Limits, load_limits
from governance.policy import PolicyEngine
from governance.principals import User
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.admission import Admission, Request
from nodes.place import RUN_KEY
from tests.matrix.crews import CREWS, Crew
from tests.second import office

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))
LETTER = f"Refund T-001 please. I am {office.MAIL['ann']}, my account is {office.IBANS['ann']}."
CONTRACT = {**office.CONTRACT, "refund": 2}
"""One more than anybody needs, so that the contract doesn't stop what only the journal should."""
ADMISSION = Admission(office.Customers(), {crew.name: CONTRACT for crew in CREWS})

PATIENCE = 60
"""Seconds after which a run is taken to hang."""


class Crash(BaseException):
    """The process dies here, as far as everything above is concerned."""


@dataclass
class World:
    """One run of one crew, and what it does to the world.

    Attributes:
        effects: How often a tool has written, counted in the tool.
        before_effect: Awaited before the tool writes; may wait or raise.
        drain: Ends the run between two steps, as SIGTERM does.
    """

    policy: PolicyEngine
    plane: ControlPlane
    model: ScriptedChatModel = field(default_factory=lambda: ScriptedChatModel(scripts={}))
    saver: InMemorySaver = field(default_factory=InMemorySaver)
    effects: int = 0
    before_effect: Callable[[], Awaitable[None]] | None = None
    drain: RunControl = field(default_factory=RunControl)
    graph: Any = None
    config: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    def limit(self, **more: Any) -> None:
        """Go on under other limits."""
        self.restart(replace(self.plane.limits, **more))

    def restart(self, limits: Limits | None = None) -> None:
        """End this worker, and go on with a new one on the same control database."""
        self.drain = RunControl()
        self.plane.close()
        self.plane = open_plane(self.policy, limits or self.plane.limits)

    def dies_after(self, action: str) -> None:
        """Let this worker die once an act's result is written and before anybody hears of it."""
        settle = self.plane.settle

        async def last_word(clearance: Clearance, *args: Any, **more: Any) -> None:
            await settle(clearance, *args, **more)
            if clearance.act.action == action:
                raise Crash

        self.plane.settle = last_word  # type: ignore[method-assign]

    def script(self, scripts: dict[str, Any]) -> None:
        """What everybody says from now on."""
        self.model = ScriptedChatModel(scripts=scripts)
        use_model(self.model)

    async def start(self, crew: Crew, text: str = LETTER) -> World:
        """Admit the letter and take the run as far as it goes."""
        self.graph = crew.build().compile(name=crew.name, checkpointer=self.saver)
        admitted = await ADMISSION.admit(SAM, crew.name, Request(text, customer="ann"), uuid4().hex)
        run = admitted.run
        self.config = {"configurable": {"thread_id": run.thread_id, RUN_KEY: run.id}, "recursion_limit": 100}
        return await self.go(admitted.input)

    async def go(self, graph_input: Any = None) -> World:
        """Go on from the last checkpoint; a run that hangs fails the cell."""
        async with asyncio.timeout(PATIENCE):
            self.state = await self.graph.ainvoke(
                graph_input, self.config, durability="sync", control=self.drain
            )
        return self

    async def answer(self, kind: str) -> World:
        """Let the lead answer what the run waits for, and wake it."""
        (asked,) = self.waiting
        said = {"approval_id": asked["approval_id"], "decisions": [{"type": kind}]}
        await self.plane.decide(LENA, said)
        return await self.go(Command(resume="woken"))

    @property
    def run(self) -> str:
        return str(self.config["configurable"][RUN_KEY])

    @property
    def waiting(self) -> list[dict[str, Any]]:
        return [interrupt.value for interrupt in self.state.get("__interrupt__", ())]

    @property
    def status(self) -> str:
        """How it ended; `waiting` where a person must decide."""
        return "waiting" if self.waiting else str(self.state["outcome"]["status"])

    def rows(self) -> list[tuple[str, int, str]]:
        """What the ledger holds: order, cents, the real account."""
        return office.Ledger.current().rows()

    def entries(self, *kinds: str) -> list[dict[str, Any]]:
        """What the log says about the run."""
        return [entry for entry in self.plane.audit.entries(run=self.run) if entry["kind"] in kinds]

    def stores(self) -> bytes:
        """All that lies on disk and in checkpoints, but for the vault's sealed values."""
        files = b"".join(path.read_bytes() for path in Path(self.plane.settings.home).glob("control.db*"))
        return files + repr([*self.saver.list(None)]).encode() + repr(self.model.prompts).encode()


def open_plane(policy: PolicyEngine, limits: Limits | None = None) -> ControlPlane:
    """A control plane on this test's database, used by everybody from now on."""
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    found = limits or load_limits(folder=office.PROMPTS / "policies")
    plane = ControlPlane(settings, store, policy, found, Vault(settings, store))
    use_control(plane)
    return plane
