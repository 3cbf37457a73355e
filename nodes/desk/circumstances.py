"""Circumstances: what a letter tells that the wordings treat apart, so that a person decides."""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

FILE = Path(__file__).with_suffix(".toml")
ANY = ("claims-procedure", "fraud-indicators", "payments-procedure", "cancellation-renewal")
"""Documents that hold for every product."""

_NONE = re.compile(r"\b(?:no|without|neither|nor) $", re.IGNORECASE)
_NOT_CLAIMED = re.compile(
    r"(?:[^.!?\n]|\.\d){0,60}?\b(?:(?:which|that) (?:I|we) (?:do not|don['\u2019]t) (?:ask|claim)\b"
    r"|(?:do not|don['\u2019]t) (?:ask for|claim) (?:it|this|that|them|these)\b)",
    re.IGNORECASE,
)
"""What is told only to be left out: "no jewellery", "a scratch which I don't ask for"."""

TOKEN = re.compile(r"<[a-z_]+:[0-9a-f]{12}>")
ENCODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
"""Base64, of which it is known once it is decoded."""


@dataclass(frozen=True)
class Loss:
    """What the records say about a loss.

    Attributes:
        covered: Whether the record has cover for it, as far as dates and perils decide that.
        amount: What is claimed, in cents.
        begun: Days from the policy's first day to the loss.
        ended: Days from its last day to the loss.
    """

    product: str
    peril: str
    covered: bool = True
    amount: int = 0
    begun: int = 1000
    ended: int = -1000


def reserved(loss: Loss, text: str) -> list[str]:
    """Say which sections may apply to a loss, whatever a model makes of it.

    Args:
        text: The letter and what people said.
    """
    found = []
    text += "".join(f"\nencoded text: {plain}" for run in ENCODED.findall(text) if (plain := _decoded(run)))
    for section in _sections():
        if _concerns(section, loss) and (said := _told(section, text)):
            words = f", since the letter says {said[0]!r}" if said[0] else ""
            found.append(f"{section['source']} may apply{words}: a person decides")
    return found


def _concerns(section: Mapping[str, Any], loss: Loss) -> bool:
    """Whether a section is about such a loss, by what is on record."""
    document = section["source"].split(" ")[0].removesuffix("-wording")
    first, last = section.get("begun", (loss.begun, loss.begun))
    return (
        document in {loss.product, *ANY}
        and loss.peril in section.get("perils", [loss.peril])
        and loss.covered == (not section.get("declined", False))
        and loss.amount >= section.get("above", loss.amount)
        and first <= loss.begun <= last
        and loss.ended == section.get("ended", loss.ended)
    )


def _told(section: Mapping[str, Any], text: str) -> re.Match[str] | None:
    """Where a letter tells what a section is about; nothing where it tells what settles it."""
    if "unless" in section and _pattern(*section["unless"]).search(text):
        return None
    for said in _pattern(*section["says"]).finditer(text):
        left_out = _NONE.search(text, max(0, said.start() - 10), said.start()) or _NOT_CLAIMED.match(
            text, said.end()
        )
        if not (left_out and "-wording" in section["source"]):
            return said
    return None


def part_is_claimed(text: str) -> bool:
    """Whether a letter says that less is claimed than the bill shows."""
    return bool(_pattern(*_sections()[0]["says"]).search(text))


def written(state: Mapping[str, Any]) -> str:
    """What people wrote in this run, without the tokens that stand for personal values."""
    said = (message.text for message in state["messages"] if isinstance(message, HumanMessage))
    return TOKEN.sub("", "\n".join(said))


def _decoded(run: str) -> str:
    """The text that is written in base64; nothing where it is a number, a link or a long word."""
    try:
        text = b64decode(run + "=" * (-len(run) % 4), validate=True).decode()
    except ValueError:
        return ""
    return text if all(each.isprintable() or each.isspace() for each in text) else ""


@cache
def _sections() -> list[dict[str, Any]]:
    """The sections; first the one about what is claimed in part."""
    listed: list[dict[str, Any]] = tomllib.loads(FILE.read_text(encoding="utf-8"))["section"]
    return listed


@cache
def _pattern(*says: str) -> re.Pattern[str]:
    return re.compile("|".join(map(_whole, says)), re.IGNORECASE)


def _whole(said: str) -> str:
    if not said or said.startswith("["):
        return said
    ends = rf"{said[:-1]}\w*" if said.endswith("*") else said
    return rf"\b(?:{ends})\b"
