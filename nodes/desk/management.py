"""Claims management: a manager, the lead of the claims team, and those who work for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from nodes.agent import Lookup
from nodes.assign import Assignment
from nodes.desk.agents import PROMPTS
from nodes.desk.results import PolicyNumber
from nodes.team import Agent
from tools.desk.claims import list_claims
from tools.desk.contacts import add_note
from tools.desk.policies import get_policy
from tools.desk.terms import PolicyStatus


class CaseOrder(Assignment):
    """Who goes on with the case, or the answer."""

    worker: Annotated[
        Literal["casework", "aftercare", "finish"],
        Field(
            description="Who is next; `ended` says who has reported.\n"
            "- casework: casework has not ended\n"
            "- aftercare: casework has ended and aftercare has not ended\n"
            "- finish: casework has ended and aftercare has ended"
        ),
    ]


class ClaimOrder(Assignment):
    """Who goes on with the claim, or the answer."""

    worker: Annotated[
        Literal["precheck", "settlement", "finish"],
        Field(
            description="Who is next; `ended` says who has reported.\n"
            "- precheck: precheck has not ended\n"
            "- settlement: precheck has ended and settlement has not ended\n"
            "- finish: precheck has ended and settlement has ended"
        ),
    ]


class Standing(BaseModel):
    """How the policy stands before the claim is taken in."""

    policy_number: PolicyNumber
    status: Annotated[PolicyStatus, Field(description="Status of the policy, as the record has it")]


MANAGER = Agent(
    name="manager",
    kind="manager",
    job="See a claim through from the letter to the note on the customer's record.",
    prompt=PROMPTS / "manage-case.md",
    owner="claims",
    returns=CaseOrder,
    model="planner",
)

CLAIMS_LEAD = Agent(
    name="lead",
    kind="manager",
    job="Have a claim checked and settled by the claims team.",
    prompt=PROMPTS / "lead-claims.md",
    owner="claims",
    returns=ClaimOrder,
    model="planner",
)

PRECHECK = Agent(
    name="precheck",
    kind="prechecker",
    job="Look how the policy stands before the claim is taken in.",
    prompt=PROMPTS / "precheck.md",
    owner="claims",
    tools=(get_policy, list_claims),
    returns=Standing,
)

AFTERCARE = Agent(
    name="aftercare",
    kind="aftercare",
    job="Note on the customer's record what became of the claim.",
    prompt=PROMPTS / "aftercare.md",
    owner="service",
    tools=(add_note,),
    duty="write",
)


async def standing_agrees(result: Standing, _state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """The policy stands as the record says."""
    policy = await lookup(get_policy, policy_number=result.policy_number)
    if policy["status"] == result.status:
        return []
    return [f"{result.policy_number} is said to be {result.status}, but the record says {policy['status']}"]
