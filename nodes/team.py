"""Agents: who they are, what they are for and what they must return."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from governance.errors import TowerError
from governance.principals import AgentIdentity
from tools.spec import Tool

ANSWER_PREFIX = "Give the final answer"


@dataclass(frozen=True)
class Agent:
    """An agent; its rights and limits are in policy, its place is in a pattern.

    Attributes:
        kind: What policy speaks of (`claims`, `service`, …).
        job: One sentence; also what others are told when they may hand over to it.
        prompt: Markdown file with its instructions.
        returns: Schema of its result; without one it answers in prose.
        model: Role from `models/roles.toml`.
        duty: What its answer rests on, so that none is valid before: `read`, a tool was called; `write`,
            a record was changed. Language models say that they did what they didn't do.
    """

    name: str
    kind: str
    job: str
    prompt: Path
    owner: str
    tools: tuple[Tool, ...] = ()
    returns: type[BaseModel] | None = None
    model: str = "worker"
    duty: Literal["read", "write"] | None = None

    def __post_init__(self) -> None:
        """Refuse what would show only in the middle of a run.

        Raises:
            TowerError: The prompt is missing, the duty is none, or the result's types can't be found.
        """
        problem = "" if self.duty in (None, "read", "write") else f"duty is {self.duty!r}; say read or write"
        if not self.prompt.exists():
            problem = f"there is no prompt {self.prompt}; write it"
        try:
            if self.returns:
                self.returns.model_rebuild()
        except NameError as error:
            problem = f"{error.name}, which its result {self.returns} names, isn't defined; import it"
        if problem:
            msg = f"agent {self.name}: {problem}"
            raise TowerError(msg)

    @cached_property
    def instructions(self) -> str:
        """The prompt's text; none for who has no prompt, such as a person."""
        return "" if self.prompt == Path() else self.prompt.read_text(encoding="utf-8").strip()

    @cached_property
    def answer_schema(self) -> dict[str, Any] | None:
        """The result's schema as a tool that ends the agent's turn, or None."""
        if self.returns is None:
            return None
        parameters = self.returns.model_json_schema()
        doc = (self.returns.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        return {
            "type": "function",
            "function": {
                "name": parameters.pop("title"),
                "description": f"{ANSWER_PREFIX}: {doc}",
                "parameters": parameters,
            },
        }

    @cached_property
    def identity(self) -> AgentIdentity:
        """Name, kind, owner and a version that changes with prompt, tools, schema, model role or duty."""
        tools = [t.schema for t in self.tools]
        parts = [self.instructions, self.job, self.model, self.answer_schema, tools, self.duty]
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return AgentIdentity(self.name, self.kind, digest[:12], self.owner)
