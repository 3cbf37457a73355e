"""Second turn: what was said and looked up before a request, played for real and kept in the state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from langchain_core.messages import AnyMessage

from evals.datasets import ToolCase
from evals.desk.probes import agent_of
from evals.desk.stage import users
from evals.play import play
from governance.control import control
from graphs.domain import domain
from graphs.single import single
from models.door import use_model
from models.scripted import ScriptedChatModel, call
from nodes.admission import NOBODY, Request
from nodes.desk.admission import TOOLBOX

BEFORE = "Turn before: "
OPENING = "I have a question first; please look it up."
_ASKED = re.compile(r"the customer (?:asked|wanted)[^.]*\. ?")
_LOOKED_UP = re.compile(r"\b([a-z]+_[a-z_]+) (?:of )?([A-Z]+-\d+)")


@dataclass(frozen=True)
class Resumed:
    """A graph whose state holds the messages of an earlier turn, as a conversation's thread does."""

    graph: Any
    earlier: Sequence[AnyMessage]

    def copy(self, **update: Any) -> Resumed:
        """The same with a checkpointer."""
        return replace(self, graph=self.graph.copy(**update))

    async def ainvoke(self, step: Any, *rest: Any, **options: Any) -> Any:
        """Begin after the earlier turn; a resume has it in its state."""
        if isinstance(step, dict):
            step = {**step, "messages": [*self.earlier, *step["messages"]]}
        return await self.graph.ainvoke(step, *rest, **options)


def is_second_turn(case: ToolCase) -> bool:
    """Whether a turn came before this request."""
    return case.given.startswith(BEFORE)


async def turn_before(case: ToolCase) -> tuple[Sequence[AnyMessage], str]:
    """Play the turn before with a script in the agent's place; its tools and records are the real ones.

    Returns:
        The messages of that turn, and the request: with what is given besides, where that is no turn.
    """
    if not is_second_turn(case):
        return (), f"{case.request}\n\n{case.given}".strip()
    given = case.given.removeprefix(BEFORE)
    asked, found = _ASKED.match(given), _ASKED.sub("", given, count=1)
    calls = [call(name, **args) for name, value in _LOOKED_UP.findall(found) if (args := _args(name, value))]
    user = users()["sam"]
    profile = await domain().admission.directory.profile(user.tenant, case.customer_id) or NOBODY
    told = await control().vault.tokenise(user.tenant, found, profile.known)
    opening = asked.group().strip() if asked else OPENING
    request = Request(opening, customer=case.customer_id if case.verified else None)
    agent, contract = agent_of(case.role)
    use_model(ScriptedChatModel(scripts={agent.job: [*calls, told]}))
    try:
        played = await play(domain(), contract, user, request, compiled=_ungrounded(case.role))
    finally:
        use_model(None)
    return played.state["messages"], case.request


def _args(tool: str, value: str) -> dict[str, str]:
    """The arguments of a tool that takes nothing but a number of this form; otherwise none."""
    schema = TOOLBOX[tool].args.model_json_schema() if tool in TOOLBOX else {}
    match [(name, schema["properties"][name].get("pattern", "$^")) for name in schema.get("required", ())]:
        case [(name, pattern)] if re.fullmatch(pattern, value):
            return {name: value}
    return {}


@cache
def _ungrounded(role: str) -> Any:
    """The agent by itself, of whom nobody asks what its answer rests on: it is in the label's words."""
    return single(replace(agent_of(role)[0], returns=None)).compile(name="before")
