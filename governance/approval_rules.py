"""Approval rules: who may answer a question, how long there is, and who may answer after that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import ConfigDict, with_config

ANY = "*"
"""Stands for every action that `escalate` doesn't name."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """Who may answer, and how long there is to answer.

    Attributes:
        roles: Roles that may answer where `actions` says nothing.
        actions: Action → roles that may answer for it.
        per_run: Questions that one run may put to people; whoever asks for ever governs nothing.
        escalate: Action, or `*` → roles that may answer as well, one after the other, each once nobody
            has answered for another `expires_hours`; after the last of them no answer means no.
    """

    expires_hours: float = 24
    roles: tuple[str, ...] = ("approver",)
    actions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per_run: int = 12
    escalate: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def roles_for(self, action: str) -> tuple[str, ...]:
        """The roles that may answer for an action."""
        return self.actions.get(action, self.roles)

    def superiors(self, action: str) -> tuple[str, ...]:
        """The roles that may answer later, in their order."""
        return self.escalate.get(action, self.escalate.get(ANY, ()))

    @property
    def expires_after(self) -> timedelta:
        """Time from asking until the next role may answer too, or no answer means no."""
        return timedelta(hours=self.expires_hours)
