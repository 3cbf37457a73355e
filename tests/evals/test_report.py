"""The report draws what the terminal's table shows: what scores amount to, and on how many cases."""

from __future__ import annotations

import re

from evals.gate import decide
from evals.report import Contents, page
from evals.summary import summary
from tests.evals.making import baseline, experiment, limits, row


def drawn(found):
    """Label → the text beside its bar, and the whole page."""
    now = experiment(found)
    text = page(Contents(now, decide(now, baseline(found), limits()), None, limits(), (), {}))
    bars = re.findall(r'text-anchor="end">([\w ]+)</text><rect.*?<text x="\d+" y="\d+">(.*?)</text>', text)
    return {label: re.sub("<.*?>", "", said).strip() for label, said in bars}, text


def question(number, outside, **scores):
    tags = ("unanswerable",) if number < 4 else ()
    scores |= {"unanswerable_score": outside, "unanswerable_score__keyword": 0.3}
    return row(f"Q-{number}", suite="retrieval", scores=scores, tags=tags)


def test_a_score_of_which_only_the_order_counts_is_drawn_as_its_auroc():
    # Low scores all of them, and yet each question without an answer has more than any other.
    found = [question(n, 0.2 if n < 4 else 0.1) for n in range(12)]

    bars, text = drawn(found)

    assert bars == {"unanswerable_auroc_ref": "1.000"}
    assert "keyword 0.500" in text
    assert "unanswerable_score" not in text
    assert summary(found)["unanswerable_auroc_ref"] == 1


def test_a_bar_says_its_cases_where_they_are_not_all():
    found = [row(f"T-{n}", scores={"right": 1.0} | ({"rare_ref": 0.5} if n < 3 else {})) for n in range(40)]

    bars, text = drawn(found)

    assert bars == {"right": "1.000", "rare_ref": "0.500 n=3"}
    assert "routing <span class='dim'>n=40</span>" in text


def test_repetitions_are_no_more_cases():
    found = [row(f"T-{n}", scores={"right": 1.0}, repetition=r) for n in range(5) for r in range(2)]

    bars, text = drawn(found)

    assert bars == {"right": "1.000", "right_pass_hat_k": "1.000"}
    assert "n=5</span>" in text


def test_seconds_and_counts_are_told_and_not_drawn_as_shares():
    few = {"right": 1.0, "coordination_dead_time_seconds": 0.4}
    found = [row(f"T-{n}", scores=few | {"touches": float(3 * (n == 0))}) for n in range(30)]

    bars, text = drawn(found)

    assert set(bars) == {"right"}
    for name in ("coordination_dead_time_seconds", "touches", "latency_seconds_p50"):
        assert f"<td>{name}</td>" in text
