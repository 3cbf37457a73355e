"""Ids that nobody guesses, and that no mask takes for something personal."""

from __future__ import annotations

from secrets import choice, token_hex


def new_id(kind: str, digits: int) -> str:
    """An id such as `run-…`, of this many hexadecimal digits.

    The first is a letter: behind a hyphen, digits can read like a telephone number, which would be
    masked wherever the id is shown or sent back.
    """
    return f"{kind}-{choice('abcdef')}{token_hex(digits)[1:digits]}"
