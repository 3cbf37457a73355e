"""The ticket office: its ledger, tools, agents and graphs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field

from governance.principals import Run
from governance.settings import Settings
from nodes.action import Action
from nodes.admission import Admission, Profile
from nodes.agent import Lookup
from nodes.selection import Job
from nodes.step import Step
from nodes.team import Agent
from nodes.topology import Task
from tools.registry import Toolbox
from tools.spec import Caller, Cents, EffectKey, Personal, Risk, tool

T = TypeVar("T")
OrderId = Annotated[str, Field(pattern=r"^T-\d{3}$", description="Order number")]
ORDERS = {"T-001": 4_000, "T-002": 90_000, "T-003": 2_500}
OWNERS = {"T-001": "ann", "T-002": "ann", "T-003": "bob"}
IBANS = {"ann": "DE89370400440532013000", "bob": "FR1420041010050500013M02606"}
MAIL = {"ann": "ann.smith@example.org", "bob": "bob.jones@example.org"}


class Ledger:
    """The side effects, in a table that only the tools write."""

    @classmethod
    def current(cls) -> Ledger:
        return cls(Settings.from_env().home / "ledger.db")

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> list[tuple[str, int, str]]:
        return self._run(lambda db: db.execute("SELECT order_id, amount, iban FROM refunds").fetchall())

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=10)
        try:
            with db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, order_id, amount, iban)"
                )
                return work(db)
        finally:
            db.close()


class Order(BaseModel):
    id: str
    amount: Cents
    iban: Annotated[str, Personal("iban")]


@tool(owner="office")
async def find_order(order_id: OrderId) -> Order:
    """Find an order, with what it cost."""
    return Order(id=order_id, amount=ORDERS[order_id], iban=IBANS[OWNERS[order_id]])


class Refund(BaseModel):
    order_id: OrderId


@tool(owner="office", risk=Risk.HIGH, writes=True, undo="take_back")
async def refund(
    order_id: OrderId,
    amount: Cents,
    iban: Annotated[str, Personal("iban")],
    *,
    ledger: Ledger,
    key: EffectKey,
) -> Refund:
    """Refund an order."""
    await ledger.run(
        lambda db: db.execute(
            "INSERT OR IGNORE INTO refunds VALUES (?, ?, ?, ?)", (key, order_id, amount, iban)
        )
    )
    return Refund(order_id=order_id)


@tool(owner="office", writes=True, idempotent=True)
async def take_back(order_id: OrderId, *, ledger: Ledger, caller: Caller) -> dict[str, str]:
    """Take a refund back."""
    del caller
    await ledger.run(lambda db: db.execute("DELETE FROM refunds WHERE order_id = ?", (order_id,)))
    return {"taken_back": order_id}


class Facts(BaseModel):
    """What the customer wants refunded."""

    order_id: OrderId
    amount: Cents


class Verdict(BaseModel):
    """Whether to refund."""

    refund: bool
    reason: str


class Choice(BaseModel):
    """What is wanted."""

    job: Literal["lookup", "refund", "other"]
    plan: list[Task] = []
    reason: str


PROMPTS = Path(__file__).parent


def agent(name: str, kind: str, **more: Any) -> Agent:
    return Agent(name, kind, f"Job of {name}.", PROMPTS / "prompt.md", "office", **more)


READER = agent("read", "reader", returns=Facts)
SECOND_READER = agent("second_reader", "reader", returns=Facts)
JUDGE = agent("judge", "reader", tools=(find_order,), returns=Verdict)
CASHIER = agent("cashier", "cashier", tools=(find_order, refund))
DOOR = agent("choose", "reader", returns=Choice)
A, B, C = (agent(name, "cashier", tools=(find_order,)) for name in ("a", "b", "c"))


async def facts_agree(result: Facts, _state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    order = await lookup(find_order, order_id=result.order_id)
    if order["amount"] != result.amount:
        return [f"{result.amount} is asked for, but {result.order_id} cost {order['amount']}"]
    return []


def refund_args(results: Mapping[str, Any], _run: Run) -> dict[str, Any] | None:
    facts = results["read"]
    if not results["judge"]["refund"]:
        return None
    return facts | {"iban": results["find_order"]["iban"]}


JOBS = (
    Job("lookup", (Task(name="look", skill="cashier", tools=True),), ("single", "handoff", "sequential")),
    Job(
        "refund",
        (
            Task(name="read", skill="reader"),
            Task(name="judge", skill="judge", tools=True, needs=["read"]),
            Task(name="pay", skill="cashier", tools=True, needs=["judge"]),
        ),
        ("sequential",),
    ),
    Job("other"),
)

STEPS = [
    Step(READER, check=facts_agree, fallback=SECOND_READER),
    Action(CASHIER, find_order, lambda results, _run: {"order_id": results["read"]["order_id"]}),
    Step(JUDGE),
    Action(CASHIER, refund, refund_args, review=True),
]


class Customers:
    async def by_email(self, tenant: str, email: str) -> str | None:
        return next((name for name, mail in MAIL.items() if mail == email and tenant == "harbor"), None)

    async def profile(self, tenant: str, subject: str) -> Profile | None:
        if tenant != "harbor" or subject not in IBANS:
            return None
        own = frozenset(order for order, owner in OWNERS.items() if owner == subject)
        known = {IBANS[subject]: "iban", MAIL[subject]: "email"}
        return Profile(known, {"accounts": frozenset({IBANS[subject]}), "orders": own})


CONTRACT = {"find_order": 20, "refund": 1}
GRAPHS = ("concurrent", "single", "sequential", "handoff", "adaptive", "magentic", "supervisor")
ADMISSION = Admission(Customers(), dict.fromkeys(GRAPHS, CONTRACT))
TOOLBOX = Toolbox([find_order, refund, take_back])
