"""What the desk's agents must return; descriptions and patterns are all that a model is told."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tools.desk.terms import Peril
from tools.spec import Cents

Confidence = Annotated[int, Field(ge=0, le=100, description="How sure you are, from 0 to 100")]
Reason = Annotated[str, Field(min_length=3, max_length=800, description="Why, in one to three sentences")]
PolicyNumber = Annotated[str, Field(pattern=r"^HM-\d{6}$", description="Policy number, such as HM-200001")]


class ClaimFacts(BaseModel):
    """The facts of the loss as the customer's letter states them."""

    policy_number: PolicyNumber
    peril: Annotated[
        Peril,
        Field(
            description="What caused the loss.\n"
            "- water_damage: water escaped from a pipe, tap, washing machine or boiler, "
            "e.g. the hose of the dishwasher burst; the siphon gave way; the ceiling below is wet; "
            "a fitting in the bathroom cracked\n"
            "- fire: fire, smoke, lightning or explosion, "
            "e.g. a pan caught fire; the kitchen is full of soot\n"
            "- storm: wind, hail, a fallen tree or torn off roof tiles, "
            "e.g. gusts tore the awning off; hail smashed the shutters\n"
            "- theft: something was stolen, burglary, a broken lock, "
            "e.g. burglars forced the door; the bicycle is gone; thieves took the camera; "
            "a part of the car was cut off and taken away in the night\n"
            "- glass: a broken window, windscreen or glass door, "
            "e.g. the pane cracked; the glazier put in a new one; a stone chip on the motorway; "
            "something fell onto the glass of the hob\n"
            "- collision: a car accident, a crash, a dented bumper, "
            "e.g. I hit a post; somebody drove into my door; an animal ran into the car\n"
            "- liability: the customer damaged or injured somebody else, "
            "e.g. my son broke the neighbour's lamp; I knocked over her vase\n"
            "- luggage: a suitcase or bag was lost or damaged on a journey, "
            "e.g. the airline lost my case; my rucksack never arrived\n"
            "- medical: illness or injury on a journey, doctor or hospital abroad, "
            "e.g. I broke my arm skiing; fever on holiday, the clinic's bill\n"
            "- vet: a pet fell ill, was injured or was operated by a vet, "
            "e.g. our cat had to be stitched; the dog's paw is swollen; a tooth was pulled"
        ),
    ]
    loss_date: Annotated[date, Field(description="Date on which the loss or accident happened")]
    amount: Annotated[Cents, Field(description="Integer cents; total amount claimed, as on the invoice")]
    invoice_number: Annotated[
        str | None, Field(pattern=r"^INV-\d{6}$", description="Number of the repair or vet invoice")
    ] = None
    payout_account: Annotated[
        str | None,
        Field(
            pattern=r"^<iban:[0-9a-f]{12}>$",
            description="Token of the account that the letter wants the money paid to; none if it names none",
        ),
    ] = None
    summary: Annotated[str, Field(description="What happened, in one or two sentences of the letter")]
    confidence: Confidence


class CoverageVerdict(BaseModel):
    """Whether the policy covers the loss."""

    covered: Annotated[bool, Field(description="Whether the policy covers this loss on this date")]
    limit: Annotated[Cents, Field(description="Integer cents; limit of the cover, 0 without cover")]
    deductible: Annotated[Cents, Field(description="Integer cents; the policy's deductible")]
    reason: Reason
    confidence: Confidence


class Assessment(BaseModel):
    """How much is payable for the loss."""

    payable: Annotated[Cents, Field(description="Integer cents payable after deductible and limit")]
    decision: Annotated[
        Literal["approve", "decline"], Field(description="approve if something is payable, else decline")
    ]
    reason: Reason


class ClaimDecision(BaseModel):
    """The proposal: approve or decline the claim, and for how much."""

    decision: Annotated[
        Literal["approve", "decline"],
        Field(
            description="What to do with the claim.\n"
            "- approve: the loss is covered and an amount is payable\n"
            "- decline: the loss is not covered"
        ),
    ]
    payable: Annotated[Cents, Field(description="Integer cents payable; 0 where the claim is declined")]
    reason: Reason


class Answer(BaseModel):
    """An answer to the question, from the passages and from nothing else."""

    answer: Annotated[str, Field(min_length=3, description="The answer, in at most four sentences")]
    sources: Annotated[
        list[str],
        Field(min_length=1, description="`source` of each passage that the answer rests on, copied exactly"),
    ]
    answered: Annotated[bool, Field(description="False where the passages leave the question open")] = True
