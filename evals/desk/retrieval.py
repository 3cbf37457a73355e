"""Retrieval: which sections are found for a question, and whether none is where none answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache

from evals.datasets import Question
from evals.desk.data import DOCUMENTS
from evals.rows import Row
from evals.suites import Item, Setting
from evals.verification import sections
from memory.desk.wordings import WORDINGS
from memory.ranking import Lexicon

K = 4
"""What agents are given."""


async def evaluate(item: Item, setting: Setting) -> Row:
    """Ask the desk's own retriever, and the words alone beside it."""
    case: Question = item.data
    started = time.perf_counter()
    passages = await WORDINGS.find(case.question, k=K)
    seconds = time.perf_counter() - started
    found = [passage.source for passage in passages]
    best = max((passage.score for passage in passages), default=0.0)
    return item.row(
        setting,
        "component",
        scores=_scores(case, found, best),
        expected=case.relevant,
        got={"found": found, "best": round(best, 4)},
        seconds=seconds,
    )


def _scores(case: Question, found: Sequence[str], best: float) -> dict[str, float]:
    scores = {
        "unanswerable_score": 1 - min(1.0, max(0.0, best)),
        "unanswerable_score__keyword": -max(_words()[1].scores(case.question)),
    }
    if not case.answerable:
        return scores
    for suffix, sources in (("", found), ("__null", ()), ("__keyword", _by_words(case.question))):
        hits = [source in case.relevant for source in sources]
        first = next((rank for rank, hit in enumerate(hits, 1) if hit), 0)
        scores |= {
            f"precision_at_{K}_ref{suffix}": sum(hits) / K,
            f"recall_at_{K}_ref{suffix}": sum(hits) / len(case.relevant),
            f"mrr_ref{suffix}": 1 / first if first else 0.0,
        }
    return scores


def _by_words(question: str) -> list[str]:
    names, lexicon = _words()
    scores = lexicon.scores(question)
    return sorted(names, key=lambda name: -scores[names.index(name)])[:K]


@cache
def _words() -> tuple[list[str], Lexicon]:
    texts = sections(DOCUMENTS)
    return list(texts), Lexicon(list(texts.values()))
