"""Faults: how a step can fail, and what each failure means for the run's outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from governance.errors import (
    AlreadyDone,
    ApprovalRejected,
    BudgetExhausted,
    Cancelled,
    Denied,
    EffectUnknown,
    RateLimited,
)
from governance.outcome import Status
from models.governed import ModelFailed
from nodes.state import Fault
from tools.gateway import InvalidArguments, ToolFailed


class Contradiction(Exception):
    """A result fits its schema but not the records."""

    def __init__(self, problems: Sequence[str], result: dict[str, Any]) -> None:
        super().__init__("; ".join(problems))
        self.result = result


class Unfinished(Exception):
    """Whoever stands in an agent's place ended otherwise than completed."""

    def __init__(self, status: Status, reason: str, undone: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.status, self.undone = status, undone


class GaveUp(Unfinished):
    """The agent's turn ended without a valid result; somebody else may try."""


def misfit(error: ValidationError) -> str:
    """What doesn't fit a schema, field by field."""
    return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())


def fault(step: str, error: Exception) -> Fault:
    """What an error means for the run's outcome."""
    statuses: dict[type[Exception], Status] = {
        Denied: Status.DENIED,
        Cancelled: Status.CANCELLED,
        ApprovalRejected: Status.REJECTED,
        BudgetExhausted: Status.BUDGET_EXHAUSTED,
        EffectUnknown: Status.ESCALATED,
        RateLimited: Status.LIMIT_REACHED,
        ModelFailed: Status.FAILED,
        ToolFailed: Status.ESCALATED if isinstance(error.__cause__, AlreadyDone) else Status.FAILED,
        InvalidArguments: Status.FAILED,
        Contradiction: Status.ESCALATED,
    }
    if isinstance(error, Unfinished):
        left: Fault = {"status": error.status.value, "step": step, "reason": str(error)}
        return {**left, "undone": list(error.undone)} if error.undone else left
    return {"status": statuses.get(type(error), Status.FAILED).value, "step": step, "reason": str(error)}


STEP_ERRORS = (
    Denied, ApprovalRejected, BudgetExhausted, EffectUnknown, ModelFailed, ToolFailed, InvalidArguments,
    Contradiction, Unfinished, RateLimited,
)  # fmt: skip
"""What a node turns into a fault; anything else, such as the control plane being away, stops the run."""
