"""Nothing reaches a model or a tool but through its seam, in any registered graph."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from governance.acts import Act, Decision, Effect, Seam
from governance.control import ControlPlane, control, use_control
from governance.errors import Denied
from governance.principals import User
from governance.settings import Settings
from graphs.domain import Domain, domain
from models.door import use_model
from models.offline.chat import OfflineChatModel
from nodes.admission import Request
from nodes.place import RUN_KEY

ROOT = Path(__file__).parent.parent
SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))
LETTERS = {
    "direct": "Is luggage covered that was stolen from a locked car?",
    "single": "Please change my address to Kastanienallee 7, 10435 Berlin.",
    "sequential": (
        "On 2026-05-12 a pipe burst in my kitchen and water damaged the floor. My policy is HM-200001, "
        "the repair invoice INV-300001 is over EUR 486.00 in total. Please reimburse it."
    ),
    "concurrent": "Please assess claim CL-400004.",
    "handoff": "I was charged twice for the same premium invoice and I complain about that.",
}
LETTERS["adaptive"] = LETTERS["sequential"]
LETTERS["group_chat"] = "Write about claim CL-400012. We are sorry about the fire in your home."
LETTERS["magentic"] = "How many water damage claims were opened in each month of 2026?"
LETTERS["supervisor"] = LETTERS["sequential"]
CUSTOMERS = {"concurrent": "C-10014", "group_chat": "C-10023"}
"""Whom a request is about, where it isn't C-10001."""
ABOUT_NOBODY = {"magentic"}
"""Graphs whose requests are about no one customer."""


def importers(name: str) -> set[str]:
    """Modules outside the tests that import a name."""
    found = set()
    for path in ROOT.glob("*/**/*.py"):
        if path.relative_to(ROOT).parts[0] in ("tests", ".venv", "build", "scripts"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
                found.add(path.relative_to(ROOT).as_posix())
    return found


def test_one_module_asks_raw_models():
    assert importers("raw_model") == {"models/governed.py"}


EXECUTE_TOOLS = {
    "tools/gateway.py",  # cleared before, recorded after
    "tools/doubt.py",  # a tool's own question whether an effect happened, for the gateway
    "tools/remote/system.py",  # the body of a tool that may stand behind another system
}


def test_few_modules_execute_tools():
    executes = {
        path.relative_to(ROOT).as_posix()
        for folder in ("graphs", "nodes", "cli", "tools", "evals")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\w\.run\(\*\*", path.read_text(encoding="utf-8"))
    }
    assert executes == EXECUTE_TOOLS


class Counted(OfflineChatModel):
    """The offline model, with a count of how often it was really asked."""

    asked: int = 0

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        return super()._generate(*args, **kwargs)


@dataclasses.dataclass
class Shut:
    """Policy that says no at one seam, whatever it is asked."""

    policy: Any
    seam: Seam
    refused: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.policy, name)

    def decide(self, act: Act, **more: Any) -> Decision:
        if act.seam is self.seam:
            self.refused += 1
            return Decision(Effect.DENY, ("shut",), self.policy.version, "this seam is shut")
        decided: Decision = self.policy.decide(act, **more)
        return decided


@pytest.fixture
async def desk() -> AsyncIterator[Domain]:
    await domain().prepare()
    yield domain()
    use_model(None)
    control().close()
    use_control(None)


def rows() -> dict[str, int]:
    """How many rows each table of the desk has."""
    with create_engine(Settings.from_env().url("desk"), poolclass=NullPool).connect() as db:
        tables = [name for (name,) in db.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
        return {name: db.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}


def shut(seam: Seam | None) -> Shut | None:
    """Put a plane in force whose policy refuses one seam."""
    plane = control()
    if seam is None:
        return None
    closed = Shut(plane.policy, seam)
    use_control(
        ControlPlane(plane.settings, plane.store, closed, plane.limits, plane.vault, plane.clock)  # type: ignore[arg-type]
    )
    return closed


async def run(desk: Domain, name: str, seam: Seam | None) -> tuple[dict[str, Any], Counted, Shut | None]:
    closed = shut(seam)
    model = Counted()
    use_model(model)
    builder = desk.graph(name).builder
    graph = builder.compile(checkpointer=InMemorySaver(), name=name)
    thread = uuid4().hex
    customer = None if name in ABOUT_NOBODY else CUSTOMERS.get(name, "C-10001")
    request = Request(LETTERS[name], customer=customer)
    admitted = await desk.admission.admit(SAM, name, request, thread)
    config = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
    ended = await graph.ainvoke(admitted.input, config)
    while waiting := ended.get("__interrupt__"):
        asked = waiting[0].value
        say = "approve" if "approve" in asked["review_configs"][0]["allowed_decisions"] else "reject"
        await control().decide(LENA, {"approval_id": asked["approval_id"], "type": say})
        ended = await graph.ainvoke(Command(resume="woken"), config)
    return ended, model, closed


@pytest.mark.parametrize("name", list(LETTERS))
@pytest.mark.parametrize("seam", list(Seam))
async def test_a_shut_seam_lets_nothing_through(desk, name, seam):
    before = rows()

    ended, model, closed = await run(desk, name, seam)

    status = ended["outcome"]["status"]
    if seam is Seam.MODEL:
        assert model.asked == 0
        assert status == "denied"
    if seam is Seam.TOOL:
        assert rows() == before
        assert closed.refused or name == "direct", "direct has no tools"
        assert not closed.refused or status != "completed", "there is no silent success"
    if seam is Seam.ROUTE and name in ("adaptive", "supervisor", "group_chat"):
        assert status == "denied"
        assert rows() == before
    if seam is Seam.ROUTE and name in ("handoff", "magentic", "concurrent"):
        assert closed.refused
        assert rows() == before
    if seam is Seam.MEMORY and name == "direct":
        assert status == "denied"
        assert model.asked == 0
    if seam is Seam.DELIVERY:
        assert closed.refused == 1
        assert status == "denied"
        assert ended["outcome"]["answer"] == ""


@pytest.mark.parametrize("name", list(LETTERS))
async def test_open_seams_let_it_through(desk, name):
    """The other half: with nothing shut the same requests do reach models and tools."""
    _, model, _ = await run(desk, name, None)

    assert model.asked > 0


async def test_a_graph_that_was_started_past_the_door_does_nothing(desk):
    model = Counted()
    use_model(model)
    for name, letter in LETTERS.items():
        with pytest.raises(Denied, match="was not admitted"):
            await desk.graph(name).ainvoke({"messages": [("user", letter)]})
    assert model.asked == 0
