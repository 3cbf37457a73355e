"""People: who acts where a command names nobody."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import governance
from cli.terminal import finish

if TYPE_CHECKING:
    from cli.session import Session

WORK, OPERATION, AUDIT = "work", "operation", "audit"
"""What commands are about: requests and their runs, the deployment, the log."""


@cache
def declared() -> Mapping[str, str]:
    """What commands are about → who does it where nobody is named: `default_for` in a users.toml."""
    found: dict[str, str] = {}
    for path in sorted((Path(governance.__file__).parent / "policies").rglob("users.toml")):
        with suppress(OSError, ValueError, TypeError):  # every other reader of the file says what is wrong
            people = tomllib.loads(path.read_text(encoding="utf-8"))
            found |= {
                person["default_for"]: name for name, person in people.items() if "default_for" in person
            }
    return found


def default(about: str) -> str | None:
    """Who acts where nobody is named: TOWER_USER, or whom a users.toml declares."""
    return os.environ.get("TOWER_USER") or declared().get(about)


def acting(about: str) -> Any:
    """The option `--as`, which says in `--help` who acts without it."""
    otherwise = default(about) or "nobody"
    told = f"Who acts, with this user's key. Without it TOWER_KEY's owner, else TOWER_USER ({otherwise})."
    return typer.Option("--as", metavar="USER", help=told)


As = Annotated[str | None, acting(WORK)]
AsOperator = Annotated[str | None, acting(OPERATION)]
AsAuditor = Annotated[str | None, acting(AUDIT)]


def within(
    work: Callable[[Session], Awaitable[int | None]], user: str | None, about: str = WORK, needs: str = ""
) -> NoReturn:
    """Run a command's work in the session of who acts, and exit with its code: 0 unless it has another.

    Args:
        needs: What policy must let them do in their tenant.
    """

    async def run() -> int | None:
        from cli.session import session

        async with session(user, about, needs) as opened:
            return await work(opened)

    finish(run())
