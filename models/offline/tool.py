"""Tools: what a bound tool says about itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.offline.facts import HANDOFF

FINAL = "Give the final answer"
"""How the description of the tool begins that ends an agent's turn."""

_READS = re.compile(
    r"^(?:get|list|find|search|look|check|read|fetch|show|assess|calculate|compute|query|count)"
)


@dataclass(frozen=True)
class Tool:
    """A tool as it was bound."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def about(self) -> str:
        """What it is for, in words."""
        return f"{self.name.removeprefix(HANDOFF).replace('_', ' ')}. {self.job}"

    @property
    def job(self) -> str:
        """Its description; of a hand-over the other agent's job."""
        return re.sub(r"^Hand the request over to \w+\.\s*", "", self.description)

    @property
    def is_final(self) -> bool:
        """Whether it ends the turn."""
        return self.description.startswith(FINAL)

    @property
    def is_handoff(self) -> bool:
        """Whether it hands the request to somebody else."""
        return self.name.startswith(HANDOFF)

    @property
    def reads(self) -> bool:
        """Whether its name says that it changes nothing."""
        return bool(_READS.match(self.name))
