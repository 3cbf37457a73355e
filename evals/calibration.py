"""Calibration: how far a judge agrees with people's labels, and whether it may block a release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import TypeAdapter, ValidationError

from evals.datasets import Pair
from evals.statistics import balanced_accuracy, kappa
from evals.thresholds import Judge as Demands
from governance.errors import InvalidInput

FILE = "calibration.json"
CRITERIA = ("faithfulness", "relevance")
Preference = Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a judge says of two answers; each label is `pass` or `fail`."""

    first: Mapping[str, str]
    second: Mapping[str, str]
    preferred: Preference


class Judge(Protocol):
    """Whoever judges answers: a model with a rubric, or a rule that stands beside it."""

    @property
    def name(self) -> str:
        """Model and version of the rubric."""

    async def compare(
        self, question: str, sources: Sequence[Mapping[str, str]], first: str, second: str
    ) -> Opinion:
        """Judge two answers by each criterion, and say which is better."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two agree on one criterion."""

    kappa: float
    balanced_accuracy: float
    n: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far a judge can be trusted.

    Attributes:
        dataset: SHA-256 of the labelled pairs.
        criteria: By name, and `preference`.
        consistency: Share of pairs whose preference stays when the two answers swap places.
        first: Share of preferences, other than ties, that went to whichever came first.
        reasons: Why it may not block; empty if it may.
    """

    judge: str
    dataset: str
    pairs: int
    criteria: Mapping[str, Agreement]
    consistency: float
    first: float
    reasons: tuple[str, ...]

    @property
    def may_block(self) -> bool:
        """Whether its scores count at the gate."""
        return not self.reasons


async def calibrate(judge: Judge, pairs: Sequence[Pair], dataset: str, demands: Demands) -> Calibration:
    """Have a judge label what people have labelled; each pair is shown in both orders."""
    truth: dict[str, list[str]] = {name: [] for name in (*CRITERIA, "preference")}
    said: dict[str, list[str]] = {name: [] for name in truth}
    same = firsts = chosen = 0
    for pair in pairs:
        there = await judge.compare(pair.question, pair.sources, pair.answer_a, pair.answer_b)
        back = await judge.compare(pair.question, pair.sources, pair.answer_b, pair.answer_a)
        for label, graded in ((pair.label_a, there.first), (pair.label_b, there.second)):
            for name in CRITERIA:
                truth[name].append(getattr(label, name))
                said[name].append(graded[name])
        one = {"first": "a", "second": "b", "tie": "tie"}[there.preferred]
        two = {"first": "b", "second": "a", "tie": "tie"}[back.preferred]
        same += one == two
        firsts += (there.preferred == "first") + (back.preferred == "first")
        chosen += (there.preferred != "tie") + (back.preferred != "tie")
        truth["preference"].append(pair.preferred)
        # A preference that depends on the order is none.
        said["preference"].append(one if one == two else "tie")
    criteria = {
        name: Agreement(
            kappa(truth[name], said[name]), balanced_accuracy(truth[name], said[name]), len(said[name])
        )
        for name in truth
    }
    consistency = same / len(pairs)
    reasons = tuple(_reasons(criteria, consistency, len(pairs), demands))
    share = firsts / chosen if chosen else 0.5
    return Calibration(judge.name, dataset, len(pairs), criteria, consistency, share, reasons)


def _reasons(
    criteria: Mapping[str, Agreement], consistency: float, pairs: int, demands: Demands
) -> list[str]:
    found = [] if pairs >= demands.labels else [f"{pairs} labelled pairs, {demands.labels} are needed"]
    for name, agreed in criteria.items():
        if agreed.kappa < demands.kappa:
            found.append(f"{name}: kappa {agreed.kappa:.2f}, {demands.kappa:.2f} is needed")
        if agreed.balanced_accuracy < demands.balanced_accuracy:
            found.append(
                f"{name}: balanced accuracy {agreed.balanced_accuracy:.2f}, "
                f"{demands.balanced_accuracy:.2f} is needed"
            )
    if consistency < demands.consistency:
        found.append(
            f"{consistency:.2f} keep their preference when swapped, {demands.consistency:.2f} is needed"
        )
    return found


def keep(calibration: Calibration, folder: Path) -> Path:
    """Write a calibration where the gate looks for it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text(json.dumps(asdict(calibration), indent=1) + "\n", encoding="utf-8")
    return path


def kept(folder: Path) -> Calibration | None:
    """The calibration that was written last, if any.

    Raises:
        InvalidInput: The file is broken.
    """
    try:
        return TypeAdapter(Calibration).validate_json((folder / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        msg = f"{folder / FILE} can't be used: {error}; run `tower eval calibrate-judge`"
        raise InvalidInput(msg) from error


def holds(folder: Path, judge: str) -> bool:
    """Whether the calibration that was written last is this very judge's, and good enough to block."""
    found = kept(folder)
    return found is not None and found.may_block and found.judge == judge
