"""Plain: a value as every JSON store keeps it, for cases that hold what many can't."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from governance.acts import Json

EXACT = 2**53
"""Integers beyond it lose digits where numbers are doubles."""


def plain(value: Any) -> Json:
    """Turn integers beyond 2^53 and numbers that are none into text; replace NUL and lone surrogates."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) > EXACT:
        return str(value)
    return cast("Json", value)
