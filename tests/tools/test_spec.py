"""What a tool may declare, and what is a clear no."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tools.spec import tool


async def send(text: str) -> str:
    """Send a text."""
    return text


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"writes": True, "window": timedelta(hours=1)}, "no tool that does"),
        ({"undo": "unsend"}, "only reads"),
    ],
)
def test_an_undo_that_cannot_be_is_refused(declared, problem):
    with pytest.raises(ValueError, match=problem):
        tool(owner="office", **declared)(send)


def test_a_window_goes_with_the_tool_that_works_within_it():
    made = tool(owner="office", writes=True, undo="unsend", window=timedelta(hours=1))(send)
    assert (made.undo, made.window) == ("unsend", timedelta(hours=1))
