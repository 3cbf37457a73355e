"""What a tool may declare, and what is a clear no."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tools.spec import EffectKey, tool


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


async def untyped(text) -> str:
    """Send a text."""
    return text


async def answers_nothing(text: str):
    """Send a text."""
    del text


def at_once(text: str) -> str:
    """Send a text."""
    return text


@pytest.mark.parametrize(
    ("function", "problem"),
    [(untyped, "none: text"), (answers_nothing, "none: return"), (at_once, "async def")],
)
def test_a_function_that_cannot_be_a_tool_is_refused(function, problem):
    with pytest.raises(ValueError, match=f"tool {function.__name__} must be .*{problem}"):
        tool(owner="office")(function)


async def send_once(text: str, *, key: EffectKey) -> str:
    """Send a text."""
    return f"{key}: {text}"


def test_what_writes_without_a_key_is_never_tried_twice_unless_it_says_so():
    assert not tool(owner="office", writes=True)(send).idempotent
    assert tool(owner="office", writes=True, idempotent=True)(send).idempotent
    assert tool(owner="office", writes=True)(send_once).idempotent
    assert tool(owner="office")(send).idempotent
