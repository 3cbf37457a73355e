"""A fan-out whose process is killed while one branch asks its model, after another branch has paid."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from governance.control import control, use_control
from governance.principals import User
from governance.settings import Settings
from graphs.concurrent import concurrent
from graphs.pattern import Graph
from memory.checkpoints import open_checkpointer
from models.door import use_model
from models.scripted import ScriptedChatModel
from nodes.admission import Request
from nodes.place import RUN_KEY
from nodes.resolve import Vote
from tests.second import office
from tests.second.assessors import MONEY, PAST, assessor, opines

PAYS = assessor("pays", "cashier")


def crew() -> Graph:
    """The team: `pays` refunds before it gives its verdict."""
    return concurrent([PAYS, MONEY, PAST], resolve=[Vote()], quorum="all")


def script(token: str) -> dict[str, Any]:
    """What they say; `money` says it if nobody kills it."""
    args = {"order_id": "T-001", "amount": 4000, "iban": token}
    return {
        "Job of pays.": [{"name": "refund", "args": args}, opines("refund")],
        "Job of money.": [opines("refund")],
        "Job of past.": [opines("refund")],
    }


class Deadly(ScriptedChatModel):
    """Kills its process as the system kills, when `money` asks and the branches beside it are done."""

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        if "Job of money." in messages[0].text:
            while verdicts_written() < 2:  # noqa: ASYNC110 - only the checkpoint knows
                await asyncio.sleep(0.02)
            os.kill(os.getpid(), signal.SIGKILL)
        return await super()._agenerate(messages, *args, **kwargs)


def verdicts_written() -> int:
    with closing(sqlite3.connect(Settings.from_env().home / "checkpoints.db")) as db:
        return int(db.execute("SELECT count(*) FROM writes WHERE channel = 'verdicts'").fetchone()[0])


async def main() -> None:
    # It puts its control plane in force when it is imported.
    from tests.server.office_app import _plane  # noqa: PLC0415

    plane = _plane()
    use_control(plane)
    said = script(await plane.vault.token("harbor", "iban", office.IBANS["ann"]))
    use_model(Deadly(scripts=said))
    ann = User("sam", "harbor", frozenset({"customer-agent"}))
    admitted = await office.ADMISSION.admit(ann, "concurrent", Request("Refund T-001", customer="ann"), "t-1")
    async with open_checkpointer(control().settings.url("checkpoints")) as saver:
        graph = crew().compile(name="concurrent", checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "t-1", RUN_KEY: admitted.run.id}}
        await graph.ainvoke(admitted.input, config, durability="sync")


if __name__ == "__main__":
    asyncio.run(main())
