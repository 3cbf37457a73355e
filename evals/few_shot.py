"""Few-shot: intents by the nearest mean of ten embedded examples; no language model is measured."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evals.public import IntentSet, Text, some
from evals.rows import Row
from memory.ranking import Lexicon
from models.embeddings import minilm

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOTS = 10
"""Training texts per intent that are looked at."""

OUT_OF_SCOPE = "out_of_scope"
OUTSIDE_SHARE = 5
"""A fifth of the texts at most is out of scope."""

MODEL = "offline/all-MiniLM-L6-v2-int8 embeddings, nearest centroid"

Notify = Callable[[Row, int, int], None]


@dataclass(frozen=True)
class Classifier:
    """Means of embedded examples, and beside them the same examples' words as a baseline.

    Attributes:
        centroids: Array of shape `[intents, 384]`, of unit length.
    """

    intents: Sequence[str]
    centroids: NDArray[np.float32]
    words: Lexicon

    @classmethod
    def learn(cls, train: Sequence[Text]) -> Classifier:
        """Take `SHOTS` texts of each intent."""
        texts = defaultdict[str, list[str]](list)
        for text, intent in train:
            texts[intent].append(text)
        shots = {intent: some(texts[intent], SHOTS) for intent in sorted(texts)}
        means = np.stack([minilm().embed(examples).mean(axis=0) for examples in shots.values()])
        unit = means / np.linalg.norm(means, axis=1, keepdims=True)
        return cls(list(shots), unit, Lexicon([" ".join(examples) for examples in shots.values()]))

    def classify(self, text: str) -> Guess:
        """Guess a text's intent, with and without embeddings."""
        started = time.perf_counter()
        likeness = self.centroids @ minilm().embed([text])[0]
        seconds = time.perf_counter() - started
        overlap = self.words.scores(text)
        return Guess(
            self.intents[int(np.argmax(likeness))],
            1 - float(np.max(likeness)),
            self.intents[int(np.argmax(overlap))],
            1 - max(overlap),
            seconds,
        )


@dataclass(frozen=True, slots=True)
class Guess:
    """What was made of a text.

    Attributes:
        outside: The higher, the less it looks like any of the intents: 1 minus the cosine.
        keyword, keyword_outside: The same by shared words alone (BM25).
    """

    intent: str
    outside: float
    keyword: str
    keyword_outside: float
    seconds: float


def evaluate(found: IntentSet, limit: int, notify: Notify) -> tuple[Row, ...]:
    """Classify at most `limit` texts of the test split, of which a fifth at most has no intent."""
    outside = some(enumerate(found.outside), limit // OUTSIDE_SHARE)
    inside = some(enumerate(found.test), limit - len(outside))
    asked = [(f"{found.split}-{i:05}", text, intent) for i, (text, intent) in inside]
    asked += [(f"{found.split}-outside-{i:05}", text, OUT_OF_SCOPE) for i, text in outside]
    classifier = Classifier.learn(found.train)
    rows: list[Row] = []
    for case, text, intent in asked:
        rows.append(row := _row(found, case, intent, classifier.classify(text), classifier.intents[0]))
        notify(row, len(rows), len(asked))
    return tuple(rows)


def _row(found: IntentSet, case: str, intent: str, guess: Guess, always: str) -> Row:
    """A text's row; what has no intent counts for the order of `out_of_scope_score` alone."""
    scores: dict[str, float] = {}
    if found.outside:
        scores |= {"out_of_scope_score": guess.outside, "out_of_scope_score__keyword": guess.keyword_outside}
    if intent != OUT_OF_SCOPE:
        scores |= {
            "intent_correctness_ref": float(guess.intent == intent),
            "intent_correctness_ref__null": float(intent == always),
            "intent_correctness_ref__keyword": float(guess.keyword == intent),
        }
    return Row(
        suite=found.name,
        layer="component",
        case=case,
        split="held_out",
        repetition=0,
        scores=scores,
        expected={"intent": intent},
        got={"intent": guess.intent, "outside": round(guess.outside, 4)},
        tags=(intent,),
        seconds=guess.seconds,
    )
