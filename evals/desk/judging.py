"""Judging: the desk's judge on the labelled pairs, asked through the governed door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evals.calibration import Opinion
from evals.datasets import Pair, load, sha256
from evals.desk.data import DATASETS
from evals.desk.probes import once
from evals.desk.roles import JUDGE, shown
from evals.desk.stage import asked
from evals.rows import home
from evals.versions import model_name
from models.door import configured
from nodes.admission import Request

_FOLDER = "stage"


class ModelJudge:
    """The model of the judge's role, with the rubric of its prompt."""

    def __init__(self) -> None:
        self.name = f"{model_name(configured('judge'))} rubric {JUDGE.identity.version}"
        self._graph = once(JUDGE)

    async def compare(
        self, question: str, sources: Sequence[Mapping[str, str]], first: str, second: str
    ) -> Opinion:
        """Ask once; a judge that gives no valid answer has failed both."""
        request = Request(shown(question, sources, first, second))
        played, _ = await asked(home() / _FOLDER, "adaptive", request, compiled=self._graph)
        name = JUDGE.returns.__name__ if JUDGE.returns else ""
        said = next((call["args"] for call in played.calls if call["name"] == name), {})
        graded = [
            {
                "faithfulness": said.get(f"faithful_{x}", "fail"),
                "relevance": said.get(f"relevant_{x}", "fail"),
            }
            for x in "ab"
        ]
        preferred = {"a": "first", "b": "second"}.get(said.get("preferred", ""), "tie")
        return Opinion(graded[0], graded[1], preferred)  # type: ignore[arg-type]


def pairs(split: str) -> tuple[list[Pair], str]:
    """The labelled pairs of a split (or `all`), and the hash of their file."""
    rows = [row for row in load("judge", DATASETS) if isinstance(row, Pair)]
    return [row for row in rows if split in {"all", row.split}], sha256(DATASETS / "judge.jsonl")
