"""The desk's claim assessors: what each looks at, and what each may conclude."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from nodes.agent import Lookup
from nodes.desk.agents import PROMPTS
from nodes.step import Step
from nodes.team import Agent
from nodes.verdict import Verdict
from tools.desk.claims import get_claim
from tools.desk.policies import check_coverage, get_policy
from tools.desk.signals import claim_history, claim_signals, compare_cost
from tools.desk.terms import ClaimId
from tools.desk.wording import search_wording

Choice = Literal["pay", "review", "decline"]


class Opinion(Verdict):
    """What to do with a claim."""

    claim_id: ClaimId


class CoverOpinion(Opinion):
    """What to do with the claim, by its cover."""

    choice: Annotated[
        Choice,
        Field(
            description="What to do with the claim.\n"
            "- pay: the loss is covered\n"
            "- review: the loss is covered but the record names no limit\n"
            "- decline: the loss is not covered"
        ),
    ]


class FraudOpinion(Opinion):
    """What to do with the claim, by its signals of fraud."""

    choice: Annotated[
        Choice,
        Field(
            description="What to do with the claim.\n"
            "- pay: there are no signals\n"
            "- review: there are signals but none is severe\n"
            "- decline: a severe signal"
        ),
    ]


class CostOpinion(Opinion):
    """What to do with the claim, by its cost."""

    choice: Annotated[
        Choice,
        Field(
            description="What to do with the claim.\n"
            "- pay: something is payable and billed and nothing is unusual\n"
            "- review: something is payable but unusual or something is payable but not billed\n"
            "- decline: nothing is payable"
        ),
    ]


class HistoryOpinion(Opinion):
    """What to do with the claim, by the customer's history."""

    choice: Annotated[
        Choice,
        Field(
            description="What to do with the claim.\n"
            "- pay: there are no concerns\n"
            "- review: there are concerns but nothing is suspended\n"
            "- decline: it is suspended"
        ),
    ]


class Ruling(Opinion):
    """Which of the positions on the claim holds."""

    choice: Annotated[Choice, Field(description="The position that the better evidence speaks for")]


COVERAGE = Agent(
    name="coverage",
    kind="coverage",
    job="Decide whether the policy covers the loss of a claim.",
    prompt=PROMPTS / "assess-cover.md",
    owner="claims",
    tools=(get_claim, check_coverage, get_policy, search_wording),
    returns=CoverOpinion,
)

FRAUD = Agent(
    name="fraud",
    kind="assessor",
    job="Look for signs that something is wrong with a claim.",
    prompt=PROMPTS / "assess-fraud.md",
    owner="claims",
    tools=(claim_signals, get_claim),
    returns=FraudOpinion,
)

COST = Agent(
    name="cost",
    kind="assessor",
    job="Judge whether the amount of a claim is right.",
    prompt=PROMPTS / "assess-cost.md",
    owner="claims",
    tools=(compare_cost, get_claim),
    returns=CostOpinion,
)

HISTORY = Agent(
    name="history",
    kind="assessor",
    job="Look at the history of the customer behind a claim.",
    prompt=PROMPTS / "assess-history.md",
    owner="claims",
    tools=(claim_history, get_claim),
    returns=HistoryOpinion,
)

SENIOR_ADJUSTER = Agent(
    name="senior_adjuster",
    kind="adjuster",
    job="Rule between positions on a claim.",
    prompt=PROMPTS / "assess-ruling.md",
    owner="claims",
    returns=Ruling,
)


async def about_the_claim(verdict: Opinion, state: Mapping[str, Any], _lookup: Lookup) -> Sequence[str]:
    """The verdict is about a claim that was asked about, and not about another of the customer's."""
    if any(verdict.claim_id in message.text for message in state["messages"]):
        return []
    return [f"nobody asked about {verdict.claim_id}"]


async def cover_agrees(verdict: Opinion, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """It says pay only where the record has cover: a model may explain cover, it can't grant it."""
    claim = await lookup(get_claim, claim_id=verdict.claim_id)
    facts = {name: claim[name] for name in ("policy_number", "peril", "loss_date")}
    record = await lookup(check_coverage, **facts)
    problems = list(await about_the_claim(verdict, state, lookup))
    if verdict.choice == "pay" and not record["covered"]:
        problems.append(f"the verdict is pay, but the record says {record['reason']}")
    return problems


async def cost_agrees(verdict: Opinion, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """It says decline exactly where the record has nothing payable: there it outweighs the others."""
    record = await lookup(compare_cost, claim_id=verdict.claim_id)
    problems = list(await about_the_claim(verdict, state, lookup))
    if (verdict.choice == "decline") == (record["payable"] > 0):
        problems.append(f"the verdict is {verdict.choice}, but the record says {record['reason']}")
    return problems


async def signals_agree(verdict: Opinion, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """It declines only with a signal on record, and never pays with a severe one."""
    record = await lookup(claim_signals, claim_id=verdict.claim_id)
    problems = list(await about_the_claim(verdict, state, lookup))
    if (verdict.choice == "decline" and not record["signals"]) or (
        verdict.choice == "pay" and record["severe"]
    ):
        problems.append(f"the verdict is {verdict.choice}, but the record says {record['reason']}")
    return problems


async def history_agrees(verdict: Opinion, state: Mapping[str, Any], lookup: Lookup) -> Sequence[str]:
    """It declines only where cover was suspended, and pays only where it wasn't."""
    record = await lookup(claim_history, claim_id=verdict.claim_id)
    problems = list(await about_the_claim(verdict, state, lookup))
    if (verdict.choice, record["suspended"]) in {("decline", False), ("pay", True)}:
        problems.append(f"the verdict is {verdict.choice}, but the record says {record['reason']}")
    return problems


ASSESSORS = (
    Step(COVERAGE, check=cover_agrees),
    Step(FRAUD, check=signals_agree),
    Step(COST, check=cost_agrees),
    Step(HISTORY, check=history_agrees),
)
