"""Judge: what the control plane needs of whoever knows the policies."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from governance.acts import Act, Decision
from governance.principals import User


class Judge(Protocol):
    """What the gate needs of policy."""

    @property
    def version(self) -> str:
        """Content hash of the policy set, without the limits."""

    def decide(
        self, act: Act, *, approved: bool, also_trusted: Mapping[str, Collection[str]] | None = None
    ) -> Decision:
        """What policy says to an act, given that a person approved it or not."""


class Policy(Judge, Protocol):
    """What the control plane needs of policy."""

    @property
    def owners(self) -> Mapping[str, str]:
        """Each policy's `@id` → the team that answers for it."""

    def permit(self, user: User, action: str, *, tenant: str, owner: str | None = None) -> Decision:
        """What policy says to what a person does."""

    def writes(self, action: str) -> bool:
        """Whether a tool may change something; True of a tool that isn't known."""
