"""Termination: when a conversation among agents is over, as conditions that compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from governance.control import control
from governance.outcome import Status
from governance.principals import Run
from governance.runs import ENDED
from nodes.chat import Chat
from nodes.finding import NEEDS_REVISION, SATISFIED

Result = Literal["satisfied", "needs_revision", "failed", "max_rounds", "checker_error"]
"""How a conversation ended; `status` in the pattern's result."""


@dataclass(frozen=True)
class End:
    """Why a conversation is over, and what that means for the run."""

    result: Result
    status: Status
    reason: str
    step: str = "chair"
    """Whose doing it was."""


class Stop(Protocol):
    """A condition under which the conversation is over.

    Attributes:
        bounded: It is met sooner or later, whatever the agents say.
    """

    @property
    def bounded(self) -> bool: ...

    async def met(self, chat: Chat, run: Run) -> End | None:
        """The end, if this is it; asked before each turn."""
        ...


@dataclass(frozen=True)
class MaxRounds:
    """So many rounds; a round is as many turns as there are members."""

    rounds: int
    bounded: bool = field(default=True, init=False)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        del run
        if chat.rounds < self.rounds:
            return None
        return End("max_rounds", Status.LIMIT_REACHED, f"{self.rounds} rounds without agreement")


@dataclass(frozen=True)
class Satisfied:
    """The checkers accept the draft: all of them, or those in `by`."""

    by: Sequence[str] = ()
    bounded: bool = field(default=False, init=False)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        del run
        asked = self.by or tuple(chat.team.checkers)
        if not asked or not all(chat.satisfied(name) for name in asked):
            return None
        return End(SATISFIED, Status.COMPLETED, f"draft {chat.drafts} satisfies {', '.join(asked)}")


@dataclass(frozen=True)
class TokenLimit:
    """So many tokens in this conversation; a provider that counts none never meets it."""

    tokens: int
    bounded: bool = field(default=False, init=False)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        del run
        if chat.used("tokens") < self.tokens:
            return None
        return _limit(f"{self.tokens} tokens are used up")


@dataclass(frozen=True)
class TimeLimit:
    """So much time at work; waiting for people doesn't count."""

    time: timedelta
    bounded: bool = field(default=True, init=False)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        del run
        if timedelta(milliseconds=chat.used("milliseconds")) < self.time:
            return None
        return _limit(f"{self.time} at work are used up")


@dataclass(frozen=True)
class ExternalStop:
    """Somebody ended the run from outside, such as an operator who cancelled it."""

    bounded: bool = field(default=False, init=False)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        del chat
        if (await control().record(run.id)).state != ENDED:
            return None
        return End(NEEDS_REVISION, Status.CANCELLED, "the run was ended from outside")


@dataclass(frozen=True)
class AnyOf:
    """Over as soon as one of them is met."""

    stops: Sequence[Stop]

    @property
    def bounded(self) -> bool:
        """See `Stop`."""
        return any(stop.bounded for stop in self.stops)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        return _first([await stop.met(chat, run) for stop in self.stops])


@dataclass(frozen=True)
class AllOf:
    """Over only when all of them are met, such as agreement and at least two rounds."""

    stops: Sequence[Stop]

    @property
    def bounded(self) -> bool:
        """See `Stop`."""
        return bool(self.stops) and all(stop.bounded for stop in self.stops)

    async def met(self, chat: Chat, run: Run) -> End | None:
        """See `Stop`."""
        ends = [await stop.met(chat, run) for stop in self.stops]
        return _first(ends) if ends and all(ends) else None


def _limit(reason: str) -> End:
    return End(NEEDS_REVISION, Status.LIMIT_REACHED, reason)


def _first(ends: Sequence[End | None]) -> End | None:
    """Of several the one that says most: cancelled, then agreed, then a limit."""
    met = [end for end in ends if end]
    for status in (Status.CANCELLED, Status.COMPLETED):
        if of_status := [end for end in met if end.status is status]:
            return of_status[0]
    return met[0] if met else None
