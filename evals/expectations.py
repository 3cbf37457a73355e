"""Expectations: how a document's run must end, stated in advance and judged by the world afterwards."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from governance.errors import InvalidInput
from governance.runs import Record

World = Mapping[str, Sequence[Mapping[str, Any]]]
"""Kind of record → the records that a run made."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Expectation:
    """What is stated about one document.

    Attributes:
        file: Its name, in the manifest's folder.
        about: One line for people.
        customer: Whom the post room vouches for; without one the sender's record decides.
        graph: The pattern that the front door must choose.
        status: The outcome.
        approvals: How often a person must be asked on the way.
        world: The records that the run must have made, kind by kind; each names the fields that
            matter. A kind that is left out must have none.
    """

    file: str
    graph: str
    status: str
    about: str = ""
    customer: str | None = None
    vouched: str = "post-room"
    approvals: int = 0
    world: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def read_manifest(path: Path) -> list[Expectation]:
    """Read a manifest: one `[[document]]` a file.

    Raises:
        InvalidInput: It is missing, broken, or names a file that isn't there.
    """
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8")).get("document", [])
        expected = TypeAdapter(list[Expectation]).validate_python(listed)
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        msg = f"{path} can't be used: {error}"
        raise InvalidInput(msg) from error
    missing = [e.file for e in expected if not (path.parent / e.file).is_file()]
    if missing or not expected:
        msg = (
            f"{path} names no document that is there"
            if not expected
            else f"{path}: no file {', '.join(missing)}"
        )
        raise InvalidInput(msg)
    return expected


def deviations(expected: Expectation, record: Record, asked: int, world: World) -> list[str]:
    """How a run ended otherwise than expected, in words; wording of answers counts for nothing.

    Args:
        asked: How many approvals the run asked for.
        world: What the run left in the domain's database.
    """
    found = []
    status = (record.outcome or {}).get("status", record.state)
    if status != expected.status:
        found.append(f"ended as {status}, not {expected.status}")
    if chosen(record) != expected.graph:
        found.append(f"went to {chosen(record)}, not {expected.graph}")
    if asked != expected.approvals:
        found.append(f"asked {asked} times for approval, not {expected.approvals}")
    for kind in sorted({*world, *expected.world}):
        found += _compare(kind, expected.world.get(kind, []), world.get(kind, ()))
    return found


def chosen(record: Record) -> str:
    """The pattern that did the work: the front door's choice, or the graph itself."""
    result = (record.outcome or {}).get("result", {})
    routed = result.get("routed") or next(
        (value for value in result.values() if isinstance(value, dict) and "pattern" in value), {}
    )
    return str(routed.get("pattern", record.run.graph))


def _compare(
    kind: str, wanted: Sequence[Mapping[str, Any]], actual: Sequence[Mapping[str, Any]]
) -> list[str]:
    left = list(actual)
    missing = []
    for want in wanted:
        match = next(
            (row for row in left if all(row.get(name) == value for name, value in want.items())), None
        )
        if match is None:
            missing.append(f"{kind}: none with {_words(want)}")
        else:
            left.remove(match)
    return missing + [f"{kind}: unexpected {_words(row)}" for row in left]


def _words(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in row.items())
