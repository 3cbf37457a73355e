"""Tools: what a bound tool says about itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.offline.facts import HANDOFF
from models.offline.schema import fields
from models.offline.text import words

FINAL = "Give the final answer"
"""How the description of the tool begins that ends an agent's turn."""

_EXAMPLES = "e.g."

_READS = re.compile(
    r"^(?:get|list|find|search|look|check|read|fetch|show|assess|calculate|compute|query|count)"
)
_CHANGES = re.compile(
    r"^(?:add|book|cancel|change|close|create|delete|edit|make|move|note|open|order|pay|post|record|remove"
    r"|reopen|reserve|send|set|settle|transfer|update|withdraw|write)(?:_|$)"
)


@dataclass(frozen=True)
class Tool:
    """A tool as it was bound."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    @property
    def about(self) -> str:
        """What it is for, in words, without examples."""
        return f"{self.name.removeprefix(HANDOFF).replace('_', ' ')}. {self.job.partition(_EXAMPLES)[0]}"

    @property
    def job(self) -> str:
        """Its description; of a hand-over the other agent's job."""
        return re.sub(r"^Hand the request over to \w+\.\s*", "", self.description)

    @property
    def thing(self) -> str:
        """What it is about: its name without the verb."""
        return " ".join(self.name.split("_")[1:]) or self.name

    @property
    def senses(self) -> list[str]:
        """Phrases that stand for it: all of it, the parts of an enumeration, and the examples."""
        plain, _, examples = self.job.partition(_EXAMPLES)
        ways = [
            part for one in fields(self.parameters) if one.options for part in one.description.split("\n")
        ]
        told = [part.partition(_EXAMPLES)[2] for part in ways]
        parts = [*re.split(r"[,;:]|\bor\b|\band\b", plain), *";".join([examples, *told]).split(";")]
        return [self.about, *(part.strip(" .") for part in parts if words(part))]

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

    @property
    def searches(self) -> bool:
        """Whether it looks for whatever it is asked, and not up one record."""
        return bool(re.match(r"search(?:_|$)", self.name))

    @property
    def changes(self) -> bool:
        """Whether its name says that it changes something."""
        return bool(_CHANGES.match(self.name))
