"""Chat: what the members of a group share, and what the chair and the stop conditions see of it."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodes.agent import Lookup
from nodes.finding import SATISFIED, Held, Review, open_findings
from nodes.state import RunState, count, merge
from nodes.team import Agent

CHAT = "chat"
"""Where the pattern's own result stands among the results."""

Rules = Callable[[Mapping[str, Any], Lookup], Awaitable[Mapping[str, Any]]]
"""What code finds out about a draft, read through the gateway: from the draft to a `Review` as JSON."""


@dataclass(frozen=True)
class Checker:
    """Who examines the draft.

    Attributes:
        agent: Returns a `Review`, or a schema made from it.
        rules: Their findings stand whatever the agent says; it sees them and may add to them.
    """

    agent: Agent
    rules: Rules | None = None


@dataclass(frozen=True)
class Team:
    """Who takes part.

    Attributes:
        owner: Name of whose result is the draft, and the decision.
        checkers: Name → who examines the draft; everybody else only contributes.
    """

    members: Mapping[str, Agent]
    owner: str
    checkers: Mapping[str, Checker]


class ChatState(RunState):
    """What a group's nodes share.

    Attributes:
        verdicts: Checker → its verdict on the current draft; empty where it is still to come.
        used: `calls` to models, `tokens`, and `milliseconds` at work, waiting for people not counted.
    """

    spoken: Annotated[list[str], operator.add]
    findings: Annotated[dict[str, Held], merge]
    verdicts: Annotated[dict[str, str], merge]
    proposal: dict[str, str]
    used: Annotated[dict[str, int], count]


@dataclass(frozen=True)
class Chat:
    """The conversation so far, as selection and termination see it."""

    team: Team
    state: Mapping[str, Any]

    @property
    def members(self) -> list[str]:
        """Names, in the order in which the team was built."""
        return list(self.team.members)

    @property
    def spoken(self) -> list[str]:
        """Who spoke, in order."""
        return list(self.state.get("spoken", ()))

    @property
    def rounds(self) -> int:
        """Complete rounds: as many turns as there are members."""
        return len(self.spoken) // len(self.team.members)

    @property
    def drafts(self) -> int:
        """How many drafts the owner has given."""
        return self.spoken.count(self.team.owner)

    @property
    def draft(self) -> dict[str, Any] | None:
        """The owner's last draft."""
        draft: dict[str, Any] | None = self.state.get("results", {}).get(self.team.owner)
        return draft

    @property
    def findings(self) -> dict[str, Held]:
        """All findings, `checker/id` → finding."""
        return dict(self.state.get("findings", {}))

    def used(self, unit: str) -> int:
        """How much of `calls`, `tokens` or `milliseconds` is used up."""
        return int(self.state.get("used", {}).get(unit, 0))

    def satisfied(self, by: str) -> bool:
        """Whether a checker accepts the current draft and has no blocking finding open."""
        blocking = open_findings(self.findings, blocking=True)
        accepted = self.state.get("verdicts", {}).get(by) == SATISFIED
        return accepted and not any(finding["by"] == by for finding in blocking)


def is_checker(agent: Agent) -> bool:
    """Whether an agent's result is a review."""
    return agent.returns is not None and issubclass(agent.returns, Review)
