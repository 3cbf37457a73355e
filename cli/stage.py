"""Stage: a fresh place for a demo, so that it neither meets nor touches anything that was there before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from governance.settings import Settings

STORES = ("TOWER_DESK_URL", "TOWER_CONTROL_URL", "TOWER_CHECKPOINTS_URL")


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a demo plays.

    Attributes:
        exports: Shell lines that lead a person's next command there, without a server's password.
    """

    home: Path
    exports: tuple[str, ...]


def set_stage() -> Stage:
    """Point this process and its children to a new home, and to a new schema on a database server."""
    settings = Settings.from_env()
    for name in STORES:
        os.environ.pop(name, None)
    home = _new_home(settings.home)
    os.environ |= {"TOWER_HOME": str(home), "TOWER_VECTORS": str(settings.vectors)}
    exports = [f"export TOWER_HOME={home}"]
    if url := settings.database_url:
        schema = _new_schema(url, f"tower_{home.name.replace('-', '_')}")
        added = f"{'&' if urlsplit(url).query else '?'}options={quote(f'-csearch_path={schema}')}"
        os.environ["TOWER_DATABASE_URL"] = url + added
        exports.append(f'export TOWER_DATABASE_URL="$TOWER_DATABASE_URL{added}"')
    return Stage(home, tuple(exports))


def _new_home(base: Path) -> Path:
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 1
    while True:
        home = base / f"demo-{number}"
        try:
            home.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return home


def _new_schema(url: str, name: str) -> str:
    """Create a schema that the server doesn't have yet."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT schema_name FROM information_schema.schemata")
        there = {row[0] for row in rows}
        free, number = name, 1
        while free in there:
            number += 1
            free = f"{name}_{number}"
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(free)))
    return free
