"""Seed texts: what customers say, what vendors bill and where people live, as `seed.toml` lists them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).with_name("seed.toml")


@cache
def texts() -> Mapping[str, Any]:
    """All of them, read once a process."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
