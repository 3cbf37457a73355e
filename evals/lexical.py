"""Lexical: the baseline without any model, which takes whatever shares the most words with a text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from memory.ranking import Lexicon


def closest(text: str, described: Mapping[str, str]) -> str:
    """The name whose description fits a text best by its words (BM25); the first of several."""
    names = tuple(described)
    scores = _lexicon(tuple(described.values())).scores(text)
    return names[max(range(len(names)), key=lambda i: scores[i])]


@cache
def _lexicon(texts: tuple[str, ...]) -> Lexicon:
    return Lexicon(texts)
