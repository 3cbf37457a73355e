"""Ranking: how well sections fit a question by their words, and which questions a letter asks."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

WORD = re.compile(r"[a-z0-9]+")
SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
SHORT_WORDS = 30
MOST_QUESTIONS = 4
SATURATION = 1.2
LENGTH_WEIGHT = 0.6
STOP_WORDS = frozenset(
    WORD.findall("""
    a about after all also am an and any are as at be been before but by can could did do does for from get
    had has have he her his how i if in into is it its just me my no not of on one or our out please she so
    some than that the their them then there they this to up us was we were what when where which while who
    why will with would you your dear hello thank thanks regards kind customer
    """)
)


def terms(text: str) -> list[str]:
    """Lower-case words with their commonest endings cut off, so that `luggage is stolen` meets `stole`."""
    return [_stem(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS]


def questions(text: str) -> list[str]:
    """What a text asks: itself where it is short, else the sentences with a question mark."""
    plain = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    if len(plain.split()) <= SHORT_WORDS:
        return [plain]
    asked = [s.strip() for s in SENTENCE.findall(plain) if s.endswith("?") and len(terms(s)) > 1]
    return asked[:MOST_QUESTIONS] or [plain]


class Lexicon:
    """BM25 over a fixed set of texts, scaled to 0…1 for each question."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(terms(text)) for text in texts]

    @cached_property
    def _weights(self) -> dict[str, float]:
        found = Counter(term for counts in self._counts for term in counts)
        size = len(self._counts)
        return {term: math.log(1 + (size - n + 0.5) / (n + 0.5)) for term, n in found.items()}

    @cached_property
    def _mean_length(self) -> float:
        return sum(counts.total() for counts in self._counts) / max(len(self._counts), 1)

    def scores(self, question: str) -> list[float]:
        """One score per text; 1 would be every word of the question, often."""
        asked = dict.fromkeys(terms(question))  # in their order, which sums the same in each process
        best = sum(self._weights.get(term, math.log(2 * len(self._counts) + 1)) for term in asked)
        return [self._score(counts, asked) / best if best else 0.0 for counts in self._counts]

    def _score(self, counts: Counter[str], asked: Iterable[str]) -> float:
        length = 1 - LENGTH_WEIGHT + LENGTH_WEIGHT * counts.total() / self._mean_length
        return sum(
            self._weights[term] * counts[term] / (counts[term] + SATURATION * length)
            for term in asked
            if term in counts
        )


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:  # noqa: PLR2004 - shorter stems mean nothing
            return word.removesuffix(ending)
    return word
