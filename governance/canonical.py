"""Canonical JSON (RFC 8785) and hashes over it: equal values give equal bytes everywhere."""

from __future__ import annotations

import hashlib

import orjson
import rfc8785

from governance.acts import Json

_MAX_EXACT = 2**53 - 1
_MAX_BMP = "\uffff"
_PLAIN = frozenset({str, bool, type(None)})


def canonical(value: Json) -> bytes:
    """Encode a JSON value as RFC 8785 says.

    `orjson` gives the same bytes, many times as fast, wherever there are neither floats nor keys
    that UTF-16 sorts differently; the rest goes to `rfc8785`.

    Raises:
        ValueError: The value isn't JSON, or an integer is beyond ±(2^53 - 1).
    """
    return _encode(value) if _plain(value) else rfc8785.dumps(value)


def canonical_row(row: dict[str, str | int | None]) -> bytes:
    """Encode a flat object of texts and integers, as `canonical` does."""
    return _encode(row)


def digest(value: Json) -> str:
    """SHA-256 over the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _encode(value: Json) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        msg = f"this can't be written as JSON: {error}"
        raise ValueError(msg) from error


def _plain(value: Json) -> bool:
    kind: type = type(value)
    if kind in _PLAIN:
        return True
    if kind is int:
        return bool(-_MAX_EXACT <= value <= _MAX_EXACT)
    if kind is list:
        return all(map(_plain, value))
    if kind is dict:
        keys = all(type(key) is str and (key.isascii() or max(key) <= _MAX_BMP) for key in value)
        return keys and all(map(_plain, value.values()))
    return False
