"""Review: people label what measures disagree on and what the gate couldn't decide; agreement is counted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evals.failures import HELD_OUT
from evals.rows import Experiment, Row
from evals.statistics import kappa
from evals.thresholds import Metric
from evals.verdict import State, Verdict
from governance.errors import InvalidInput

FILE = "labels.jsonl"
REF, JUDGE = "_ref", "_judge"
_HALF = 0.5
AUTOMATIC = "automatic"
"""Who gave the score that a person is asked about."""

GOLD = {
    "intent", "pattern", "calls", "ordered", "alternatives", "allowed_extra", "forbidden", "forbidden_args",
    "forbidden_tools", "forbidden_text", "relevant", "answerable", "reference", "expected", "answer_facts",
    "policy_critical", "adversarial", "contradicts", "label_a", "label_b", "preferred", "rationale",
    "writes", "hard", "note",
}  # fmt: skip
"""Fields of a case that say, or hint at, what is right: no reviewer sees them before the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One case that a person should look at.

    Attributes:
        metric: Which score is in doubt.
        passed: What the score says, where half and more is a pass.
    """

    row: Row
    metric: str
    why: str
    passed: bool


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said."""

    experiment: str
    suite: str
    case: str
    repetition: int
    metric: str
    passed: bool
    automatic: bool
    by: str
    note: str
    at: str


def questions(experiment: Experiment, verdict: Verdict) -> list[Question]:
    """What there is to look at, each case of a metric once: undecided cases first, then disagreements.

    Held-out cases stay unread.
    """
    found: dict[tuple[str, str, int, str], Question] = {}
    for q in (*_undecided(experiment, verdict), *_disagreements(experiment.rows)):
        if q.row.split != HELD_OUT:
            found.setdefault((q.row.suite, q.row.case, q.row.repetition, q.metric), q)
    return list(found.values())


def unlabelled(asked: Any, gold: Collection[str] = GOLD) -> Any:
    """What a case asks, without what is right; of the people's answers not whether one may be taken."""
    if isinstance(asked, Mapping):
        return {name: unlabelled(each, {"refused"}) for name, each in asked.items() if name not in gold}
    return [unlabelled(each, gold) for each in asked] if isinstance(asked, list) else asked


def keep(label: Label, folder: Path) -> None:
    """Write a label down, in the folder of all labels of this home."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(label), ensure_ascii=False) + "\n")


def labels(folder: Path) -> list[Label]:
    """All labels; where a person labelled something twice, the last one.

    Raises:
        InvalidInput: The file is broken.
    """
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
        found = [TypeAdapter(Label).validate_json(line) for line in lines]
    except FileNotFoundError:
        return []
    except (OSError, ValidationError) as error:
        msg = f"{folder / FILE} can't be used: {error}; mend or move it"
        raise InvalidInput(msg) from error
    return list({(_what(label), label.by): label for label in found}.values())


def agreement(given: Iterable[Label]) -> dict[tuple[str, str], tuple[float, int]]:
    """Cohen's kappa of each two that labelled the same, and on how many; the measures are one of them."""
    said = defaultdict[str, dict[tuple[str, str, str, int, str], bool]](dict)
    for label in given:
        said[label.by][_what(label)] = label.passed
        said[AUTOMATIC][_what(label)] = label.automatic
    found = {}
    for one, two in combinations(sorted(said), 2):
        if both := sorted(said[one].keys() & said[two].keys()):
            found[one, two] = kappa([said[one][k] for k in both], [said[two][k] for k in both]), len(both)
    return found


def _undecided(experiment: Experiment, verdict: Verdict) -> Iterator[Question]:
    for finding in verdict.findings:
        if finding.state is State.INCONCLUSIVE and isinstance(finding.metric, Metric):
            for row in experiment.rows:
                name = finding.metric.name
                if row.suite == finding.metric.suite and row.case in finding.worse and name in row.scores:
                    why = "INCONCLUSIVE, and worse than the baseline"
                    yield Question(row, name, why, row.scores[name] >= _HALF)


def _disagreements(rows: Iterable[Row]) -> Iterator[Question]:
    for row in rows:
        for name, score in row.scores.items():
            judged = row.scores.get(name.removesuffix(REF) + JUDGE)
            if name.endswith(REF) and judged is not None and (score >= _HALF) != (judged >= _HALF):
                why = f"the reference says {score:.2f}, the judge {judged:.2f}"
                yield Question(row, name.removesuffix(REF) + JUDGE, why, judged >= _HALF)


def _what(label: Label) -> tuple[str, str, str, int, str]:
    return label.experiment, label.suite, label.case, label.repetition, label.metric
