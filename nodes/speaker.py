"""Speaker: who speaks next in a group, by function or by model, each choice cleared and logged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field, create_model

from governance.control import control
from governance.errors import ModelUnavailable
from governance.outcome import Status
from models.governed import ModelFailed
from nodes.agent import work
from nodes.chat import Chat, Team
from nodes.faults import GaveUp
from nodes.team import Agent
from nodes.turn import Turn

Pick = Callable[[Chat], str]
"""Names the next speaker, from the conversation alone and always the same from the same conversation."""

TurnOf = Callable[[Agent], Awaitable[Turn]]
"""Makes the turn in which a chooser is asked."""


@dataclass(frozen=True)
class Choice:
    """Who speaks next, and who said so.

    Attributes:
        turn: The chooser's turn; None where code chose.
    """

    name: str
    reason: str
    turn: Turn | None = None


class Selection(Protocol):
    """How the next speaker is found."""

    def over(self, team: Team) -> Selection:
        """The same for a team, checked when the graph is built."""
        ...

    async def choose(self, chat: Chat, turn_of: TurnOf, left: int) -> Choice:
        """Choose; `left` model calls may still be made."""
        ...


def round_robin(chat: Chat) -> str:
    """One after another, in the order of the members."""
    return chat.members[len(chat.spoken) % len(chat.members)]


def draft_then_checks(chat: Chat) -> str:
    """The owner, then every checker once, then the owner again."""
    since = chat.spoken[::-1]
    heard = set(since[: since.index(chat.team.owner)]) if chat.drafts else set()
    waiting = [name for name in chat.team.checkers if name not in heard]
    return waiting[0] if chat.drafts and waiting else chat.team.owner


@dataclass(frozen=True)
class ByFunction:
    """Code chooses."""

    pick: Pick = round_robin

    def over(self, team: Team) -> Selection:
        """See `Selection`."""
        del team
        return self

    async def choose(self, chat: Chat, turn_of: TurnOf, left: int) -> Choice:
        """See `Selection`."""
        del turn_of, left
        name = self.pick(chat)
        if name not in chat.team.members:
            msg = f"{self.pick.__name__} chose {name}, who isn't among {', '.join(chat.members)}; correct it"
            raise GaveUp(Status.FAILED, msg)
        return Choice(name, self.pick.__name__)


@dataclass(frozen=True)
class ByModel:
    """An agent chooses; if it names nobody we know it is asked again, and then code chooses.

    Attributes:
        chooser: Its `returns` is set here: it may name members, and nobody else.
        fallback: What code does where the chooser can't; noted in the log as `speaker_fallback`.
        again: How often it is asked again, told the valid names.
    """

    chooser: Agent
    fallback: Pick = round_robin
    again: int = 1

    def over(self, team: Team) -> Selection:
        """See `Selection`."""
        told = "\n".join(f"- {name}: {agent.job}" for name, agent in team.members.items())
        names: Any = Literal[tuple(team.members)]
        fields: Any = {
            "speaker": (Annotated[names, Field(description=f"Who speaks next.\n{told}")], ...),
            "reason": (Annotated[str, Field(max_length=400, description="Why, in one sentence")], ""),
        }
        schema = create_model("NextSpeaker", __doc__="Who speaks next.", **fields)
        return replace(self, chooser=replace(self.chooser, returns=schema))

    async def choose(self, chat: Chat, turn_of: TurnOf, left: int) -> Choice:
        """See `Selection`."""
        turn = await turn_of(self.chooser)
        try:
            turns = min(self.again + 1, left)
            chosen = await work(turn, state=chat.state, repairs=self.again, max_turns=turns)
        except (GaveUp, ModelFailed, ModelUnavailable) as error:
            name = self.fallback(chat)
            body = {"agent": self.chooser.name, "problem": str(error), "speaker": name}
            await control().note(turn.actor.run, "speaker_fallback", body)
            return Choice(name, f"{self.fallback.__name__}, since {error}", turn)
        return Choice(chosen["speaker"], chosen["reason"], turn)
