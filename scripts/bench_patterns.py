"""Bench of the patterns: how well branches overlap, and what a pattern adds to its agents' prompts.

Tokens are reckoned at four characters each, of messages and tool schemas, on the desk with the offline
model (magentic: scripted), so that the figures are the same each time.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from tests.campaigns.overhead import Bill

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
CLAIM = ROOT / "examples/inbox/01-plain-claim.eml"
LETTER = (
    "Write to the customer about claim CL-400012. We are sorry about the fire in your home. "
    "We guarantee that we will pay the full 5,569.10 EUR."
)
REQUESTS: Mapping[str, tuple[str | Path, str | None]] = {
    "direct": ("Is luggage covered that is left in the locked boot of a parked car?", None),
    "single": ("Please call me back tomorrow.", "C-10005"),
    "sequential": (CLAIM, None),
    "concurrent": ("Please assess claim CL-400015", "C-10028"),
    "group_chat": (LETTER, "C-10023"),
    "handoff": ("I was charged twice for the premium, please look.", "C-10005"),
    "supervisor": (CLAIM, None),
    "magentic": ("Why did complaints about water damage claims double in March?", None),
    "adaptive": ("Please call me back tomorrow.", "C-10005"),
}
"""Pattern → a request of its page, and the customer."""
LEADERS = ("manager", "lead", "choose", "senior_adjuster")
PLANNED = (1, 4, 8)
"""Steps of the scripted investigations."""
BRANCHES, SECONDS, ROUNDS = 4, 0.05, 9
CHARS = 4
"""Characters to a token."""


async def overlap() -> float:
    """Wall time of four branches with a model that takes 50 ms over that of one, of several the shortest."""
    from governance.control import use_control
    from graphs.concurrent import concurrent
    from models.door import use_model
    from models.scripted import Delayed, ScriptedChatModel
    from nodes.resolve import Vote
    from tests.campaigns.ground import policies
    from tests.matrix.crews import Crew
    from tests.matrix.world import World, open_plane
    from tests.second.assessors import DOUBT, MONEY, PAST, RULES, opines

    agents, late = [RULES, MONEY, PAST, DOUBT], Delayed(SECONDS, opines("refund"))
    engine = policies(Path(tempfile.mkdtemp(prefix="tower-bench-")) / "policies")
    world = World(engine, open_plane(engine))

    async def wall(count: int) -> float:
        crew = Crew("concurrent", lambda: concurrent(agents[:count], resolve=[Vote()]), opines("refund"))
        use_model(ScriptedChatModel(scripts={"": lambda _: late}))
        began = time.perf_counter()
        await world.start(crew)
        return time.perf_counter() - began

    await wall(BRANCHES)
    many, one = zip(*[(await wall(BRANCHES), await wall(1)) for _ in range(ROUNDS)], strict=True)
    world.plane.close()
    use_model(None)
    use_control(None)
    ratio: float = min(many) / min(one)
    return ratio


async def overheads(patterns: Iterable[str] = REQUESTS) -> dict[str, Bill]:
    """Pattern → what its run on the desk was sent; `magentic, N steps` for each of its plans."""
    from governance.control import use_control
    from models.offline.chat import OfflineChatModel
    from tests.campaigns.overhead import recording

    bills = {}
    for pattern in patterns:
        models = {pattern: OfflineChatModel()}
        if pattern == "magentic":
            models = {f"magentic, {steps} steps": _investigation(steps) for steps in PLANNED}
        for name, model in models.items():
            with recording(model, *LEADERS) as bills[name]:
                await _run(pattern)
    use_control(None)
    return bills


def table(bills: Mapping[str, Bill]) -> str:
    """What was sent, as the pages show it."""
    lines = [
        "| Pattern | Model calls | Prompt tokens | Its agents' own | Beyond these | Of a bare loop |",
        "|---|---|---|---|---|---|",
    ]
    for name, bill in bills.items():
        own = f"{bill.own // CHARS:,}" if bill.own else "-"
        beyond = f"+{bill.beyond:.0%}" if bill.own else "all"
        lines.append(f"| {name} | {bill.calls} | {bill.tokens:,} | {own} | {beyond} | {bill.over_bare:.2f} |")
    return "\n".join(lines)


def _investigation(steps: int) -> Any:
    """A manager who plans so many measurements, all of which can be made at once, and is then satisfied."""
    from models.scripted import ScriptedChatModel, call

    plan = [
        {
            "id": f"s{month}",
            "worker": "statistics",
            "task": f"Measure claims opened in month {month}",
            "args": {
                "quantity": "claims_opened", "peril": "water_damage",
                "since": f"2025-{month:02}-01", "until": f"2025-{month:02}-28",
            },
        }
        for month in range(1, steps + 1)
    ]  # fmt: skip
    findings = [{"statement": "The measurements are above.", "results": [step["id"] for step in plan]}]
    judged = call("ProgressLedger", satisfied=True, progressing=True, reason="answered", findings=findings)
    return ScriptedChatModel(scripts={"": [call("TaskLedger", plan=plan), judged]})


async def _run(pattern: str) -> None:
    """One request on fresh records, in which a person approves what is asked."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import Command

    from governance.control import control, use_control
    from governance.principals import User
    from graphs.desk.domain import DOMAIN
    from nodes.admission import Request
    from nodes.intake import read_document
    from nodes.place import RUN_KEY

    os.environ["TOWER_HOME"] = tempfile.mkdtemp(prefix="tower-bench-")
    use_control(None)
    await DOMAIN.prepare()
    text, customer = REQUESTS[pattern]
    document = [await read_document(text)] if isinstance(text, Path) else []
    request = Request("" if document else str(text), document, customer=customer)
    sam = User("sam", "harbor", frozenset({"customer-agent"}))
    lena = User("lena", "harbor", frozenset({"claims-lead"}))
    admitted = await DOMAIN.admission.admit(sam, pattern, request, uuid4().hex)
    graph = DOMAIN.graph(pattern).builder.compile(checkpointer=InMemorySaver(), name=pattern)
    config: Any = {"configurable": {"thread_id": admitted.run.thread_id, RUN_KEY: admitted.run.id}}
    state = await graph.ainvoke(admitted.input, config)
    while asked := state.get("__interrupt__"):
        said = {"approval_id": asked[0].value["approval_id"], "decisions": [{"type": "approve"}]}
        await control().decide(lena, said)
        state = await graph.ainvoke(Command(resume="woken"), config)
    if state["outcome"]["status"] != "completed":
        msg = f"{pattern} ended {state['outcome']}"
        raise RuntimeError(msg)


async def main() -> None:
    """Print both."""
    os.environ["TOWER_HOME"] = tempfile.mkdtemp(prefix="tower-bench-")
    sys.stdout.write(f"{BRANCHES} branches with a 50 ms model: wall x {await overlap():.2f} of one\n\n")
    sys.stdout.write(f"{table(await overheads())}\n")


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(main())
