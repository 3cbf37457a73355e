"""Stage: a copy of a prepared desk for each case, with a control plane of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from datetime import time as clock
from functools import cache
from pathlib import Path
from typing import Any

from evals import traces
from evals.play import Played, play
from governance.control import ControlPlane, use_control
from governance.identity import read_users
from governance.limits import Limits, load_limits
from governance.policy import PolicyEngine, load_policy
from governance.policy_files import POLICIES
from governance.principals import User
from governance.settings import Settings
from governance.store import ControlStore
from governance.vault import Vault
from graphs.domain import domain
from memory.desk.wordings import WORDINGS
from nodes.admission import Request
from tools.desk.database import Desk
from tools.desk.seed import REFERENCE_DATE

NOW = datetime.combine(REFERENCE_DATE, clock(9), UTC)
"""The desk's time in every case: the seeded records end here, and letters are of these weeks."""

TEMPLATE, DATABASE = "desk-template.db", "desk.db"
MEMORY = Path("/dev/shm")  # noqa: S108 - a case's home is private, and waiting for a disk teaches nothing
CASE = "tower-case-"
HERE = ("TOWER_HOME", "TOWER_VECTORS", "TOWER_DESK_URL", "TOWER_CONTROL_URL", "TOWER_DATABASE_URL")
# A home of an evaluation holds invented people only. A known key gives the same tokens each time,
# which go into prompts, so that the same case is the same question.
VAULT_KEY = "evaluation-homes-hold-invented-people-only"


async def prepare(folder: Path) -> None:
    """Make what all cases start from: the seeded records and the index of the documents."""
    await WORDINGS.ensure()
    await asyncio.to_thread(_sweep)
    await asyncio.to_thread(_seed, folder / TEMPLATE)


def _seed(template: Path) -> None:
    template.parent.mkdir(parents=True, exist_ok=True)
    draft = template.with_suffix(f".{os.getpid()}")
    draft.unlink(missing_ok=True)
    desk = Desk(f"sqlite:///{draft}")
    desk.ensure()
    desk.close()
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    draft.replace(template)


@asynccontextmanager
async def world(folder: Path, given: Sequence[Mapping[str, Any]] = ()) -> AsyncIterator[Path]:
    """Set the stage for one case and clear it away afterwards; one at a time in a process.

    Args:
        folder: Where `prepare` was.
        given: `{table, row}`: put into the records first.

    Yields:
        The home of its desk and control plane; gone afterwards.
    """
    before = {name: os.environ.get(name) for name in HERE}
    vectors = Settings.from_env().vectors
    home = await asyncio.to_thread(_new_home)
    _point_to(home, vectors)
    await asyncio.to_thread(_lay_out, folder / TEMPLATE, home, given)
    Desk.current().clock = lambda: NOW
    plane = _plane()
    use_control(plane)
    try:
        yield home
    finally:
        await asyncio.to_thread(traces.keep, folder, plane.audit.entries())
        await asyncio.to_thread(_clear_away, plane, home)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


async def asked(folder: Path, graph: str, request: Request, *, compiled: Any = None) -> Played:
    """Put a request to the desk as the customer agent sam, on a stage of its own.

    Args:
        folder: Where `prepare` was.
        compiled: A graph that runs under `graph`'s contract instead of it.
    """
    async with world(folder):
        return await play(domain(), graph, users()["sam"], request, compiled=compiled)


def _new_home() -> Path:
    """The process's own folder, empty: its name tells others whether somebody is still there.

    It is the same one each time, since what was compiled for the database of a path serves the next.
    """
    where = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    home = where / f"{CASE}{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(mode=0o700)
    return home


def _sweep() -> None:
    """Clear away what processes left that were killed; memory isn't given back otherwise."""
    for left in MEMORY.glob(f"{CASE}*"):
        if not Path(f"/proc/{left.name.removeprefix(CASE)}").exists():
            shutil.rmtree(left, ignore_errors=True)


def _point_to(home: Path, vectors: Path) -> None:
    for name in HERE:
        os.environ.pop(name, None)
    os.environ |= {"TOWER_HOME": str(home), "TOWER_VECTORS": str(vectors)}


def _lay_out(template: Path, home: Path, given: Sequence[Mapping[str, Any]]) -> None:
    shutil.copy(template, home / DATABASE)
    (home / "keys").mkdir(mode=0o700)
    (home / "keys" / "vault.key").write_text(VAULT_KEY, encoding="ascii")
    with closing(sqlite3.connect(home / DATABASE)) as connection, connection:
        for each in given:
            names, values = ", ".join(each["row"]), list(each["row"].values())
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {each['table']} ({names}) VALUES ({marks})", values)


def _clear_away(plane: ControlPlane, home: Path) -> None:
    Desk.current().close()
    plane.close()
    use_control(None)
    shutil.rmtree(home, ignore_errors=True)


def _plane() -> ControlPlane:
    policy, limits = _rules()
    settings = Settings.from_env()
    store = ControlStore(settings.url("control"))
    return ControlPlane(settings, store, policy, limits, Vault(settings, store))


@cache
def _rules() -> tuple[PolicyEngine, Limits]:
    """Policies and limits, read once a process: parsing them takes longer than a case."""
    domain()  # policies speak of its tools
    return load_policy(), load_limits()


@cache
def users() -> Mapping[str, User]:
    """The people of the desk."""
    return read_users((POLICIES,))
