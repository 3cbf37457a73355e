"""What the desk says when it can't do what was asked; every message says what to do next."""

from __future__ import annotations

from governance.errors import AlreadyDone, TowerError


class DeskError(TowerError):
    """The records don't allow what was asked; nothing was changed."""


class OtherRelease(DeskError):
    """The records' tables are those of another release of the desk."""


class UnknownRecord(DeskError):
    """No such record in the caller's tenant."""

    def __init__(self, what: str, number: str) -> None:
        super().__init__(f"{what} {number} is not found; check the number or look it up from the customer")


class WrongState(DeskError):
    """The record is in a state that doesn't allow this step."""


class Contradiction(DeskError):
    """What was given contradicts the records, such as an amount that the invoice doesn't bear."""


class AlreadyClaimed(DeskError, AlreadyDone):
    """The invoice already has a claim."""


class NotCovered(DeskError):
    """The policy doesn't cover the loss."""


class NotBilled(DeskError):
    """The claim has no invoice that bears it out."""


class AmountAboveAssessment(DeskError):
    """More was asked than what the policy pays for the loss."""


class ClaimNotSettled(DeskError):
    """Payment was asked for a claim that has no approved assessment."""


class NothingToChange(DeskError):
    """The record says so already."""


class AlreadyPaid(DeskError):
    """The claim has been paid."""


class WrongAccount(DeskError):
    """Payment was asked to an account that isn't the customer's own."""


class InvalidIban(DeskError):
    """The account number's check digits don't fit."""


class KeyReused(DeskError):
    """An idempotency key came back with a different kind of effect."""
