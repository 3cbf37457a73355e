"""What the control plane says when the answer is no; every message says what to do next."""

from __future__ import annotations


class TowerError(Exception):
    """Any error that Tower raises on purpose."""


class Denied(TowerError):
    """The act is not allowed, and no person can allow it.

    Attributes:
        reason: One sentence for the actor.
        policies: The `@id`s of the policies that decided, empty where none permitted.
    """

    def __init__(self, reason: str, policies: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.policies = policies


class Cancelled(Denied):
    """A person ended the run; nothing more is done in it."""


class ApprovalRequired(TowerError):
    """The act is allowed once a person says yes.

    Attributes:
        approval_id: The pending approval; the same act asks the same approval again.
    """

    def __init__(self, approval_id: str) -> None:
        super().__init__(f"approval {approval_id} is pending; see `tower approvals`")
        self.approval_id = approval_id


class ApprovalRejected(TowerError):
    """A person said no, or nobody said yes in time."""

    def __init__(self, approval_id: str, reason: str) -> None:
        super().__init__(reason)
        self.approval_id = approval_id
        self.reason = reason


class BudgetExhausted(TowerError):
    """The act would cost more than what is left.

    Attributes:
        scope: `tenant:…`, `run:…`, `worker:…` or `agent:…`.
        unit: `model_calls`, `tool_calls`, `handoffs`, `tokens`, `micros` or `seconds`.
    """

    def __init__(self, scope: str, unit: str, limit: int, *, left: int = 0, asked: int = 0) -> None:
        short = f"has {left} left, and this may take {asked}; ask for less" if left > 0 else "is used up"
        super().__init__(f"budget of {limit} {unit} for {scope} {short}; see `limits.toml`")
        self.scope = scope
        self.unit = unit
        self.limit = limit


class EffectUnknown(TowerError):
    """An earlier attempt may or may not have acted; a person or a reconciler must settle it.

    Attributes:
        attempt: Which attempt it is that nobody knows the end of.
    """

    def __init__(self, key: str, attempt: int = 1) -> None:
        super().__init__(
            f"nobody knows whether {key} happened; a person must settle it with `tower effects settle`"
        )
        self.key = key
        self.attempt = attempt


class BreakerOpen(TowerError):
    """Something failed so often in a row that it isn't tried until it had time to recover.

    Attributes:
        name: `model:…`, `tool:…` or `agent:…`.
        until: When one attempt is let through, RFC 3339.
    """

    def __init__(self, name: str, until: str) -> None:
        super().__init__(f"the breaker of {name} is open until {until}; see `tower effects breakers`")
        self.name = name
        self.until = until


class RateLimited(TowerError):
    """It was asked for more often than its rate allows, and the rate says to refuse."""

    def __init__(self, bucket: str, per_minute: int) -> None:
        super().__init__(f"{bucket} may do this {per_minute} times a minute; try later, or see `limits.toml`")
        self.bucket = bucket


class AlreadyDone(TowerError):
    """What was asked for stands already, and the message names it; a person says what that means."""


class ControlUnavailable(TowerError):
    """The control plane can't answer (store, policy or key unreadable); nothing may act."""


class NoCompletion(ValueError):
    """A model's server answered, and no model did: a page, no choices, or that it won't take the request."""


class ModelUnavailable(ControlUnavailable, RuntimeError):
    """The model's server is away or turns us away; the run stops until that is mended, and goes on then.

    A `RuntimeError` as well, since LangGraph's server tells its clients the words of no error of ours.
    """


class ReleaseChanged(TowerError):
    """A run began under other code, and going on under this one would lose or repeat something."""

    def __init__(self, run: str, had: str, release: str = "") -> None:
        named = f" (configuration {release})" if release else ""
        super().__init__(
            f"{had}. Nothing was done and nothing is lost. Take {run} up with the release that it began "
            f"on{named}; or end it with `tower runs cancel {run}`, take back what it did with "
            f"`tower undo {run}` or let it stand, and start its request again"
        )


class InvalidInput(TowerError):
    """What came in can't be used; nothing was started and nothing was lost."""


class NotAuthenticated(TowerError):
    """No valid key was shown."""
