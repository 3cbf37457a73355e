"""Text: sentences, words and the sentences that say most about a question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.embeddings import minilm

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SENTENCES = 48
"""So many are embedded at most; of a longer text those that share most words with the question."""

SAME = 0.9
"""Cosine from which two sentences say the same."""

MAX_CHARACTERS = 400
"""A longer sentence is cut before it is embedded: the model reads 256 tokens."""

_COMMON = """
a an and any are as at be been being but by can could did do does for from had has have he her his how i
if in into is it its just me my no not of on one or our please she should so some than that the their them
then there these they this to up us was we were what when where which who why will with would you your
yes it's i'm i've also very much
"""
STOP = frozenset(_COMMON.split())

_DENYING = "not no never nothing none nobody without cannot isn't wasn't don't doesn't didn't"
NEGATIONS = frozenset(_DENYING.split())

WAIVED = re.compile(
    r"(?:\b(?:no|not|never|nobody|no one)|n['\u2019]t) (?:need|needed|has to|have to)\b"
    r"|\bneed(?:s|ed)? (?:no|not|nothing)\b|\bnot complain",
    re.IGNORECASE,
)
"""What somebody says there is no need for."""

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001
_END = re.compile(r"(?<=[.!?。！？])[\"'”’)]*\s+(?=[\"'“‘(<]*[^\Wa-z_]|<)|(?<=[。！？])")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|no|nr|str|approx|ca|e\.g|i\.e|etc|\d{1,2})\.$", re.IGNORECASE
)
_LABEL = re.compile(r"^\s*(?:[-*•|>]|\w[\w /().-]{0,30}:\s)")
SHORT_LINE = 48
"""A line this short that ends without a full stop was not wrapped; it stands alone."""


_ENDINGS = ("ments", "ment", "ations", "ation", "ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y")


def words(text: str) -> list[str]:
    """Lower-case stems of the words that carry meaning, in order."""
    found = (word.lower() for word in _WORD.findall(text.replace("_", " ")))
    return [stem(word) for word in found if word not in STOP]


def stem(word: str) -> str:
    """Cut the commonest English endings."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:  # noqa: PLR2004 - letters left
            return word[: -len(ending)]
    return word


def sentences(text: str) -> list[str]:
    """Split text into sentences; lines with a label, a bullet or a cell stand for themselves."""
    parts = (part for line in _unwrap(text) for part in _split(line))
    return [part for part in parts if _WORD.search(part)]


def _unwrap(text: str) -> list[str]:
    lines: list[str] = []
    open_line = False
    for raw in text.splitlines():
        line = raw.strip()
        if line and open_line and not _LABEL.match(raw):
            lines[-1] += f" {line}"
        elif line:
            lines.append(line)
        open_line = bool(line) and len(line) > SHORT_LINE and not _LABEL.match(raw)
    return lines


def _split(line: str) -> list[str]:
    parts: list[str] = []
    for part in _END.split(line):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    return [part.strip() for part in parts if part and part.strip()]


def similarities(queries: Sequence[str], texts: Sequence[str]) -> NDArray[np.float32]:
    """Cosines of every query with every text, of shape `[len(queries), len(texts)]`."""
    model = minilm()
    cut = [text[:MAX_CHARACTERS] for text in texts]
    return np.asarray(model.embed([q[:MAX_CHARACTERS] for q in queries]) @ model.embed(cut).T)


def shortlist(query: str, candidates: Sequence[str]) -> list[str]:
    """At most `MAX_SENTENCES` distinct candidates, those that share words with the query first, in order."""
    distinct = list(dict.fromkeys(candidates))
    if len(distinct) <= MAX_SENTENCES:
        return distinct
    wanted = set(words(query))
    ranked = sorted(range(len(distinct)), key=lambda i: (-len(wanted & set(words(distinct[i]))), i))
    return [distinct[i] for i in sorted(ranked[:MAX_SENTENCES])]


def extract(
    query: str, candidates: Sequence[str], *, most: int = 2, spread: float = 0.3, least: float = 0.1
) -> list[tuple[str, float]]:
    """Choose the sentences that say most about a query and least the same (maximal marginal relevance).

    Args:
        most: So many sentences at most.
        spread: Weight of being unlike the sentences chosen before.
        least: Cosine that a sentence must reach.

    Returns:
        Sentences with their cosines, in the order of the text.
    """
    texts = shortlist(query, candidates)
    if not texts:
        return []
    relevance = similarities([query], texts)[0]
    likeness = similarities(texts, texts)
    chosen: list[int] = []
    while len(chosen) < min(most, len(texts)):
        novelty = likeness[:, chosen].max(axis=1) if chosen else np.zeros(len(texts), dtype=np.float32)
        score = (1 - spread) * relevance - spread * novelty
        score[chosen] = -np.inf
        score[novelty > SAME] = -np.inf
        best = int(score.argmax())
        if (
            score[best] == -np.inf
            or relevance[best] < least
            or (chosen and relevance[best] < relevance[chosen[0]] * 0.6)
        ):
            break
        chosen.append(best)
    return [(texts[i], float(relevance[i])) for i in sorted(chosen)]


def near(text: str, start: int, end: int, label: Sequence[str], *, reach: int = 60) -> float:
    """How close the words of a label stand to a place in the text: 0 (none) to about 2.

    Words before the place on its own line count most, since that is where labels stand.
    """
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    before = text[max(line_start, start - reach) : start]
    after = text[end : min(line_end if line_end >= 0 else len(text), end + reach)]
    wanted, score = set(label), 0.0
    for side, weight in ((list(reversed(words(before))), 1.0), (words(after), 0.6)):
        for distance, word in enumerate(side):
            if word in wanted:
                score += weight / (1 + 0.35 * distance)
    return score
