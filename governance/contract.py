"""Task contract: what this run may do at all, fixed before anything untrusted is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PERSONAL = "personal"


@dataclass(frozen=True, slots=True)
class Contract:
    """The outer bound of a run; policy narrows it further, nothing widens it.

    Attributes:
        tools: Tool name → how many times a run may call it (0: never).
        trusted: Sets of values from our own records that arguments must come from,
            such as `accounts`, `policies`, `customers`; personal values as tokens. `PERSONAL` holds
            the tokens of the customer's own values, which are masked wherever a tool returns them.
    """

    tools: Mapping[str, int] = field(default_factory=dict)
    trusted: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def personal(self) -> frozenset[str]:
        """Tokens of the customer's own values."""
        return self.trusted.get(PERSONAL, frozenset())

    def objection(self, tool: str, called: int) -> str:
        """Why a tool that was called so often may not be called now; empty where it may."""
        allowed = self.tools.get(tool, 0)
        if not allowed:
            return f"{tool} isn't in this run's task contract"
        if called >= allowed:
            return f"the task contract lets this run call {tool} {allowed} times, and it has"
        return ""

    def to_json(self) -> dict[str, object]:
        """The contract as plain JSON, with sets sorted."""
        return {
            "tools": dict(self.tools),
            "trusted": {name: sorted(values) for name, values in self.trusted.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Mapping[str, object]]) -> Contract:
        """Read back what `to_json` wrote."""
        return cls(
            tools={str(k): int(str(v)) for k, v in data["tools"].items()},
            trusted={
                str(k): frozenset(map(str, v)) for k, v in data["trusted"].items() if isinstance(v, list)
            },
        )
