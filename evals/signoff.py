"""Sign-off: a named person answers for what the gate couldn't decide, with a reason, on record."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from evals.verdict import State, Verdict
from governance.errors import Denied, InvalidInput

FILE = "signoffs.jsonl"
_SHORTEST_REASON = 10


@dataclass(frozen=True, slots=True)
class SignOff:
    """Who answers for what.

    Attributes:
        fingerprint: Of what was undecided; other results or other thresholds need another sign-off.
        metrics: What was undecided, by name, and what had changed since the evaluation.
    """

    fingerprint: str
    experiment: str
    by: str
    why: str
    at: str
    metrics: tuple[str, ...]


def signed(verdict: Verdict, folder: Path) -> SignOff | None:
    """The sign-off under which a verdict may pass, if there is one.

    Raises:
        InvalidInput: The file of sign-offs is broken.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
        found = [TypeAdapter(SignOff).validate_json(line) for line in lines]
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        msg = f"{folder / FILE} can't be used: {error}; restore it from git"
        raise InvalidInput(msg) from error
    return next((s for s in reversed(found) if s.fingerprint == verdict.fingerprint), None)


def sign(verdict: Verdict, folder: Path, *, by: str, why: str, at: str) -> SignOff:
    """Answer for what a verdict left undecided.

    Args:
        by: The person's id.
        at: ISO 8601, UTC.

    Raises:
        Denied: The verdict isn't INCONCLUSIVE; a FAIL is mended and not signed.
        InvalidInput: No name, or no reason that anybody could read later.
    """
    if verdict.state is not State.INCONCLUSIVE:
        msg = f"the gate says {verdict.state}; only what is INCONCLUSIVE can be signed off"
        raise Denied(msg)
    if not by.strip() or len(why.strip()) < _SHORTEST_REASON:
        msg = f"a sign-off needs a name and a reason of at least {_SHORTEST_REASON} characters"
        raise InvalidInput(msg)
    metrics = (*(f.key for f in verdict.of(State.INCONCLUSIVE)), *verdict.stale)
    made = SignOff(verdict.fingerprint, verdict.experiment, by, why, at, metrics)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(made), ensure_ascii=False) + "\n")
    return made
