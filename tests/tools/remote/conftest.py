"""A till behind MCP and a stock list behind REST, in processes of their own, and a gateway that asks them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from governance.acts import Act, Decision, Effect
from governance.contract import Contract
from governance.control import ControlPlane, use_control
from governance.limits import Limits, Timeouts
from governance.principals import Actor, AgentIdentity, User
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from tests.tools.remote.shop import MCP, REST, SHOP
from tools.gateway import call
from tools.remote.process import started

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
CASHIER = AgentIdentity("cashier", "cashier", "1", "office")
PROTOCOLS = ("mcp", "rest")


class AllowAll:
    version = "v1"

    def decide(self, act: Act, *, approved: bool, also_trusted: Any = None) -> Decision:
        return Decision(Effect.ALLOW, ("all",), self.version)

    def permit(self, *_: Any, **__: Any) -> Decision:
        return Decision(Effect.ALLOW, ("all",), self.version)


@pytest.fixture(scope="session")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Both systems, up; the folder with the file that says how they behave, and the ledger."""
    folder = tmp_path_factory.mktemp("shop")
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        db.execute("CREATE TABLE paid (key TEXT, bill_id TEXT, amount INTEGER, tenant TEXT)")
    before = dict(os.environ)
    os.environ |= {"SHOP_MODE": str(folder / "mode"), "SHOP_LEDGER": str(folder / "ledger.db")}
    os.environ |= {"TOWER_TILL_KEY": "till.secret", "TOWER_STOCK_KEY": "stock.secret"}
    try:
        with started([MCP, REST]):
            yield folder
    finally:
        os.environ.clear()
        os.environ |= before


@dataclass
class Shop:
    """The gateway's side, and what the systems did."""

    plane: ControlPlane
    actor: Actor
    folder: Path
    sequence: Iterator[int]

    def behave(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    async def ask(self, protocol: str, name: str = "get_bill", sequence: int = 0, **args: Any) -> Any:
        tool = SHOP[protocol][name]
        return await call(
            tool, {"bill_id": "B-1"} | args, actor=self.actor, sequence=sequence or next(self.sequence)
        )

    def paid(self) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "ledger.db")) as db, db:
            return db.execute("SELECT * FROM paid").fetchall()

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return list(self.plane.audit.entries(run=self.actor.run.id, kind=kind))


@pytest.fixture
async def shop(processes: Path) -> AsyncIterator[Shop]:
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    limits = Limits(timeouts=Timeouts(remote=5))
    plane = ControlPlane(settings, store, AllowAll(), limits, Vault(settings, store))  # type: ignore[arg-type]
    use_control(plane)
    contract = Contract({"get_bill": 99, "pay_bill": 99}, {})
    run = await plane.open_run(graph="till", user=SAM, contract=contract, input={}, thread_id="t")
    shop = Shop(plane, Actor(CASHIER, run, "till/0"), processes, count(1))
    shop.behave("same")
    with closing(sqlite3.connect(processes / "ledger.db")) as db, db:
        db.execute("DELETE FROM paid")
    yield shop
    use_control(None)
    plane.close()
