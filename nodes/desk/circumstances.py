"""Circumstances: what a letter tells that the wordings treat apart, so that a person decides."""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

FILE = Path(__file__).with_suffix(".toml")
ANY = ("claims-procedure", "fraud-indicators")
"""Documents that hold for every product."""

TOKEN = re.compile(r"<[a-z_]+:[0-9a-f]{12}>")
ENCODED = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}")
"""Base64, of which it is known once it is decoded."""


def reserved(product: str, peril: str, text: str) -> list[str]:
    """Say which sections may apply to a loss, whatever a model makes of it.

    Args:
        product: The policy's.
        peril: What the loss is claimed under.
        text: The letter and what people said.
    """
    found = []
    text += "".join(f"\nencoded text: {plain}" for run in ENCODED.findall(text) if (plain := _decoded(run)))
    for section in _sections():
        document = section["source"].split(" ")[0].removesuffix("-wording")
        mine = document in {product, *ANY} and peril in section.get("perils", [peril])
        if mine and (said := _pattern(*section["says"]).search(text)):
            words = f", since the letter says {said[0]!r}" if said[0] else ""
            found.append(f"{section['source']} may apply{words}: a person decides")
    return found


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
