"""The desk's words: identifiers, kinds and states, with the patterns and descriptions for models."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tools.spec import Personal

Product = Literal["home", "motor", "travel", "liability", "pet"]
Peril = Literal[
    "water_damage",
    "fire",
    "storm",
    "theft",
    "glass",
    "collision",
    "liability",
    "luggage",
    "medical",
    "vet",
]
PolicyStatus = Literal["active", "lapsed", "cancelled"]
InvoiceKind = Literal["premium", "repair"]
InvoiceStatus = Literal["open", "paid", "overdue"]
ClaimStatus = Literal["open", "approved", "declined", "paid", "withdrawn"]
PaymentStatus = Literal["sent", "recalled"]
LetterStatus = Literal["queued", "cancelled"]
NoteKind = Literal["question", "complaint", "note", "callback"]
Settlement = Literal["approve", "decline"]
Template = Literal[
    "claim_received",
    "claim_approved",
    "claim_declined",
    "more_information",
    "complaint_received",
    "change_confirmed",
    "service_reply",
]

PERILS_OF: dict[Product, tuple[Peril, ...]] = {
    "home": ("water_damage", "fire", "storm", "theft", "glass"),
    "motor": ("collision", "theft", "glass"),
    "travel": ("luggage", "medical", "theft"),
    "liability": ("liability",),
    "pet": ("vet",),
}
"""What each product can cover."""

MAX_CENTS = 1_000_000_000
"""Ten million euros: nothing on this desk is larger, and PostgreSQL's integer holds it."""


def _without_nul(text: str) -> str:
    if "\x00" in text:
        msg = "text must not contain NUL characters; PostgreSQL can't store them"
        raise ValueError(msg)
    return text


CustomerId = Annotated[str, Field(pattern=r"^C-\d{5}$", description="Customer number, such as C-10001")]
PolicyNumber = Annotated[str, Field(pattern=r"^HM-\d{6}$", description="Policy number, such as HM-200001")]
InvoiceNumber = Annotated[
    str, Field(pattern=r"^INV-\d{6}$", description="Invoice number, such as INV-300001")
]
ClaimId = Annotated[str, Field(pattern=r"^CL-\d{6}$", description="Claim number, such as CL-400001")]
PaymentId = Annotated[str, Field(pattern=r"^PAY-\d{6}$", description="Payment number, such as PAY-500001")]
NoteId = Annotated[str, Field(pattern=r"^N-\d{6}$", description="Contact note number, such as N-600001")]
LetterId = Annotated[str, Field(pattern=r"^L-\d{6}$", description="Letter number, such as L-700001")]

PerilArg = Annotated[Peril, Field(description="What caused the loss")]
LossDate = Annotated[dt.date, Field(description="Date on which the loss happened, YYYY-MM-DD")]
Amount = Annotated[int, Field(gt=0, le=MAX_CENTS, description="Amount of money in integer cents")]
Payable = Annotated[
    int, Field(ge=0, le=MAX_CENTS, description="Amount to pay in integer cents; 0 if declined")
]
Text = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(_without_nul)]
Reason = Annotated[
    str,
    Field(max_length=2000, description="Reason for the decision, in one or two sentences"),
    AfterValidator(_without_nul),
]

# An agent gives the token, the tool gets the number: both must pass the same schema.
IbanArg = Annotated[
    str,
    Personal("iban"),
    Field(
        pattern=r"^(<iban:[0-9a-f]{12}>|[A-Z]{2}\d{2}[A-Z0-9 ]{11,38})$",
        description="IBAN of the customer's bank account",
    ),
]
NewIban = Annotated[IbanArg, Field(description="New IBAN of the customer's bank account")]
Street = Annotated[
    str,
    Personal("address"),
    Field(min_length=2, max_length=120, description="New street and house number"),
    AfterValidator(_without_nul),
]
City = Annotated[
    str,
    Personal("address"),
    Field(min_length=2, max_length=120, description="New postcode and city of the postal address"),
    AfterValidator(_without_nul),
]


class Record(BaseModel):
    """What a tool returns about one row: read-only, and nothing of the row that isn't named here."""

    model_config = ConfigDict(frozen=True, from_attributes=True)
