"""Rule judge: words and numbers alone; what a judge that is a model has to beat."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from evals.calibration import Opinion, Preference

_REST = 0.6
"""Share of an answer's words that have to be in the sources."""
_LONG = 4


class RuleJudge:
    """Faithful is what has only numbers and words of the sources; relevant, what has the question's words."""

    name = "rule/words-and-numbers"

    async def compare(
        self, question: str, sources: Sequence[Mapping[str, str]], first: str, second: str
    ) -> Opinion:
        """Judge each answer by itself; the better one passes more, and of equals it is a tie."""
        told = " ".join(source["text"] for source in sources)
        one, two = (_graded(question, told, answer) for answer in (first, second))
        lead = _points(one) - _points(two)
        preferred: Preference = "tie" if lead == 0 else "first" if lead > 0 else "second"
        return Opinion(one, two, preferred)


def _graded(question: str, told: str, answer: str) -> dict[str, str]:
    numbers = set(re.findall(r"\d[\d.,]*\d|\d", answer)) <= set(re.findall(r"\d[\d.,]*\d|\d", told))
    said = _words(answer)
    rests = not said or len(said & _words(told)) / len(said) >= _REST
    return {
        "faithfulness": "pass" if numbers and rests else "fail",
        "relevance": "pass" if said & (_words(question) | _words(told)) else "fail",
    }


def _points(graded: Mapping[str, str]) -> int:
    return 2 * (graded["faithfulness"] == "pass") + (graded["relevance"] == "pass")


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]+", text.lower()) if len(word) >= _LONG}
