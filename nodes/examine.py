"""Examine: whether an answer answers what was asked, where a model is configured that can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field

from governance.control import control
from governance.errors import ModelUnavailable
from models.door import configured
from nodes.agent import work
from nodes.faults import STEP_ERRORS
from nodes.team import Agent
from nodes.turn import Turn


class Examination(BaseModel):
    """Whether the answer answers what was asked; not whether it is right."""

    answers: Annotated[Literal["yes", "partly", "no"], Field(description="partly: a part was left out")]
    missing: Annotated[
        str, Field(max_length=400, description="What was asked and isn't answered; empty with yes")
    ] = ""


def can_judge(examiner: Agent) -> bool:
    """Whether its model reads prose; the offline one doesn't, and isn't asked."""
    return configured(examiner.model).provider != "offline"


async def left_open(turn: Turn, answer: str, state: Mapping[str, Any]) -> str:
    """What of the request an answer leaves open, in words; empty where it answers, or nobody could tell.

    Args:
        turn: The examiner's, on the request alone.
    """
    fenced = answer.replace("</document", "&lt;/document")
    turn.prompt.append(HumanMessage(f'<document name="answer" origin="agent">\n{fenced}\n</document>'))
    try:
        said = Examination.model_validate(await work(turn, state=state, repairs=1))
    except (*STEP_ERRORS, ModelUnavailable) as error:
        await control().note(turn.actor.run, "not_examined", {"agent": turn.agent.name, "why": str(error)})
        return ""
    await control().note(turn.actor.run, "examined", {"agent": turn.agent.name, **said.model_dump()})
    if said.answers == "yes":
        return ""
    return said.missing.strip() or f"it answers {said.answers}, and what is missing wasn't said"
