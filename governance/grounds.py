"""Grounds: what a person must see before they answer: whom it is for, what is on record, what was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from governance import runs
from governance.acts import Json
from governance.approvals import Approval
from governance.store import Tx

FIRST = 8
"""Lines of the request that a list of questions shows; the run has the rest."""
LEAST = 6
"""Characters of an argument that say which other lines of the request are about it."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a question rests on.

    Attributes:
        customer: Whom the run is for; None where nobody is verified.
        verified: How that was verified.
        records: `(tool, result)` of what the run's tools found and did, in that order, each once.
        wrote: What was asked for, in the words that came in; nobody has verified them.
    """

    customer: str | None
    verified: str
    records: tuple[tuple[str, Json], ...]
    wrote: str

    def to_json(self) -> dict[str, Json]:
        """The grounds as machines read them."""
        return asdict(self) | {"records": [list(record) for record in self.records]}

    def rows(
        self,
        about: Mapping[str, Json],
        *,
        lines: int | None = FIRST,
        words: Callable[[Mapping[str, Any]], Mapping[str, str]] = dict,
    ) -> list[tuple[str, str]]:
        """The grounds as `(label, text)`, for people.

        Args:
            about: The arguments that were asked about; lines that mention one are never left out.
            lines: How many lines of the request to show beside those; None is all.
            words: Says values in words, such as amounts.
        """
        found = [(tool, _said(result, words)) for tool, result in self.records]
        wrote = "\n".join(_lines(self.wrote, about, lines))
        told = [("what the customer wrote (not verified)", wrote)] if wrote else []
        return [("customer", _whom(self.customer, self.verified)), *found, *told]


def of(tx: Tx, approval: Approval) -> Grounds:
    """What a question's run has read, done and been asked for so far, personal values as tokens."""
    record = runs.get(tx, approval.run)
    rows = tx.all(
        "SELECT action, result FROM journal WHERE run = ? AND seam = 'tool' AND state = 'done'"
        " ORDER BY ended, key",
        (approval.run,),
    )
    found = tuple((action, json.loads(result)) for action, result in dict.fromkeys(map(tuple, rows)))
    messages = record.input.get("messages", ()) if isinstance(record.input, dict) else ()
    wrote = "\n".join(str(message["content"]) for message in messages if message.get("role") == "user")
    customer, verified = record.run.subject, record.run.verified
    # Admission's own line comes first; it is nobody's letter.
    return Grounds(
        customer, verified, found, wrote.removeprefix(f"Customer: {_whom(customer, verified)}").strip()
    )


def who_may(tx: Tx, approval: Approval) -> list[str]:
    """Users with a role that answers it, by id; never who asked."""
    rows = tx.all("SELECT id, roles FROM users WHERE tenant = ? ORDER BY id", (approval.tenant,))
    named = [who for who, roles in rows if set(json.loads(roles)) & set(approval.roles)]
    return [who for who in named if who != approval.requester]


def _whom(customer: str | None, verified: str) -> str:
    return f"{customer} (verified: {verified})" if customer else "nobody verified"


def _said(result: Json, words: Callable[[Mapping[str, Any]], Mapping[str, str]]) -> str:
    if isinstance(result, dict):
        there = {name: value for name, value in result.items() if value not in (None, "", [])}
        flat = {n: _said(v, words) if isinstance(v, dict | list) else v for n, v in there.items()}
        return ", ".join(f"{name} {value}" for name, value in words(flat).items())
    if isinstance(result, list):
        return "; ".join(_said(each, words) for each in result) or "nothing"
    return str(result)


def _lines(wrote: str, about: Mapping[str, Json], first: int | None) -> Sequence[str]:
    lines = [line for line in map(str.strip, wrote.splitlines()) if line]
    named = [str(value) for value in about.values() if len(str(value)) >= LEAST]
    shown = [
        i for i, line in enumerate(lines) if first is None or i < first or any(one in line for one in named)
    ]
    left = len(lines) - len(shown)
    return [*(lines[i] for i in shown), *([f"… and {left} more lines"] if left else [])]
