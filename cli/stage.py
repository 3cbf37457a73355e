"""Stage: a fresh place for a demo, so that it neither meets nor touches anything that was there before."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from governance.settings import Settings

STORES = ("TOWER_DESK_URL", "TOWER_CONTROL_URL", "TOWER_CHECKPOINTS_URL")


def set_stage() -> dict[str, str]:
    """Point this process and its children to a new home, and to a new schema on a database server.

    Returns:
        The environment variables with which another command sees the same place.
    """
    settings = Settings.from_env()
    home = _new_home(settings.home)
    place = {"TOWER_HOME": str(home)}
    if settings.database_url:
        place["TOWER_DATABASE_URL"] = _new_schema(
            settings.database_url, f"tower_{home.name.replace('-', '_')}"
        )
    for name in STORES:
        os.environ.pop(name, None)
    os.environ.update(place)
    return place


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
    """A schema that the server doesn't have yet, as a URL whose connections see nothing else."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(url, autocommit=True) as connection:
        there = {row[0] for row in connection.execute("SELECT schema_name FROM information_schema.schemata")}
        free, number = name, 1
        while free in there:
            number += 1
            free = f"{name}_{number}"
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(free)))
    sign = "&" if urlsplit(url).query else "?"
    return f"{url}{sign}options={quote(f'-csearch_path={free}')}"
