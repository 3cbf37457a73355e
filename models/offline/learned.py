"""Learned: which label a text has, from labelled examples; fitted in closed form, so always the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.examples import Examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Table = NDArray[np.float32]

RIDGE = 1.0
"""How hard it is for a single example to bend the fit."""

SHARPNESS = 14
"""Factor that makes scores likelihoods: what fitted examples best that were left out one by one."""

_TOKEN = re.compile(r"<(\w+):[0-9a-f]+>")
_REFERENCE = re.compile(r"\b([A-Z]{1,4})-\d+\b")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|[?!]")  # noqa: RUF001
PIECE = 4
"""Letters in a piece of a word; a word's ends count as one each."""

KINDS = ("words", "pieces")
"""Of the parts that texts share, as `_parts` gives them."""


class Classifier:
    """Kernel ridge regression: cosines of whole texts and of their sentences, words and pieces in common.

    Args:
        texts: The examples.
        labels: Theirs, in the same order.
        vectors: Their embeddings, of shape `[len(texts), 2, dimensions]`, as `models.examples.embedded`
            gives them.
        fitted: What `fitted` had for the same before; without it the fit is done.

    Attributes:
        fitted: Weights of each example for each label, and the index of their parts.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: Sequence[str],
        vectors: Table,
        fitted: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self.labels = sorted(set(labels))
        self.fitted = dict(fitted or _index(texts))
        self._shared = [_Shared(self.fitted, kind, len(texts)) for kind in KINDS]
        self._vectors = vectors
        right = np.array([[own == label for label in self.labels] for own in labels], dtype=np.float32)
        self._share = right.mean(axis=0)
        if fitted is None:
            self.fitted["weights"] = self._fit(texts, right)
        self._weights = self.fitted["weights"].astype(np.float32)

    def _fit(self, texts: Sequence[str], right: Table) -> NDArray[np.float16]:
        kernel = np.stack(
            [self._like(text, vector) for text, vector in zip(texts, self._vectors, strict=True)]
        )
        ridge = RIDGE * np.eye(len(right), dtype=np.float32)
        return np.linalg.solve(kernel + ridge, right - self._share).astype(np.float16)

    def likelihoods(self, text: str, vectors: Table) -> dict[str, float]:
        """How likely each label is; together 1.

        Args:
            vectors: The text's, of shape `[2, dimensions]`.
        """
        scores = self._like(text, vectors) @ self._weights + self._share
        powers = np.exp(SHARPNESS * (scores - scores.max()))
        return dict(zip(self.labels, (powers / powers.sum()).tolist(), strict=True))

    def _like(self, text: str, vectors: Table) -> Table:
        """The kernel with each example: a shared word says more where the texts mean the same."""
        cosines = np.einsum("nkd,kd->kn", self._vectors, vectors)
        whole, sentences = (1 + cosines) ** 3 / 2
        shared = sum(each.cosines(parts) for each, parts in zip(self._shared, _parts(text), strict=True))
        return np.asarray(whole + sentences / 2 + shared * (1 + 2 * cosines[0]), dtype=np.float32)


def _index(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Of each kind the parts that two or more texts have, in how many they are, and in which."""
    found: dict[str, NDArray[Any]] = {}
    for kind, apart in zip(KINDS, zip(*map(_parts, texts), strict=True), strict=True):
        holders: dict[str, list[int]] = {}
        for row, parts in enumerate(apart):
            for part in dict.fromkeys(parts):
                holders.setdefault(part, []).append(row)
        kept = sorted(part for part, rows in holders.items() if len(rows) > 1)
        found[f"{kind} parts"] = np.frombuffer("\n".join(kept).encode(), np.uint8)
        found[f"{kind} spreads"] = np.array([len(holders[part]) for part in kept], np.int32)
        found[f"{kind} holders"] = np.array([row for part in kept for row in holders[part]], np.int32)
    return found


class _Shared:
    """The parts of one kind that two or more of the examples have, and how rare they are."""

    def __init__(self, index: Mapping[str, NDArray[Any]], kind: str, size: int) -> None:
        kept = index[f"{kind} parts"].tobytes().decode().split("\n")
        spreads, self._holders = index[f"{kind} spreads"], index[f"{kind} holders"]
        self._column = dict(zip(kept, range(len(spreads)), strict=False))
        self._starts = np.concatenate([[0], np.cumsum(spreads)])
        self._weights = (np.log((1 + size) / (1 + spreads.astype(np.float64))) + 1) ** 2
        squares = np.bincount(self._holders, np.repeat(self._weights, spreads), minlength=size)
        self._lengths = np.sqrt(np.maximum(squares, 1e-9))

    def cosines(self, parts: list[str]) -> Table:
        """Cosine of a text's tf-idf with that of each example."""
        known = sorted(self._column[part] for part in set(parts) & self._column.keys())
        total = np.zeros(len(self._lengths))
        for column in known:
            total[self._holders[self._starts[column] : self._starts[column + 1]]] += self._weights[column]
        length = max(float(np.sqrt(self._weights[known].sum())), 1e-9)
        return np.asarray(total / (self._lengths * length), dtype=np.float32)


def classifier(examples: Examples) -> Classifier:
    """The classifier of these examples, made once in a process; fitted unless `store` did that."""
    if examples.id not in _MADE:
        texts, labels = zip(*examples.labelled, strict=True)
        fitted = examples.stored(_fit_id(examples))
        _MADE[examples.id] = Classifier(texts, labels, examples.vectors(), fitted)
    return _MADE[examples.id]


_MADE: dict[str, Classifier] = {}


def store(examples: Examples) -> None:
    """Write vectors and weights beside the examples, so that the first choice after a change is fast."""
    texts, labels = zip(*examples.labelled, strict=True)
    examples.store(_fit_id(examples), Classifier(texts, labels, examples.vectors()).fitted)


def is_stored(examples: Examples) -> bool:
    """Whether `store` was called since the examples and this module last changed."""
    return examples.stored(_fit_id(examples)) is not None


def _fit_id(examples: Examples) -> str:
    return hashlib.sha256(Path(__file__).read_bytes() + examples.id.encode()).hexdigest()[:16]


def _parts(text: str) -> tuple[list[str], list[str]]:
    """Words and pairs of words, the first and what asks or exclaims marked; pieces of words."""
    found = ["^", *_WORD.findall(_plain(text))]
    pairs = [" ".join(pair) for pair in pairwise(found)]
    pieces = [f" {w} "[i : i + PIECE] for w in found for i in range(max(1, len(w) + 3 - PIECE))]
    return found + pairs, pieces


def _plain(text: str) -> str:
    """Lower case; a token, a reference and a number stand for any of their kind."""
    kinds = _REFERENCE.sub(r" reference\1 ", _TOKEN.sub(r" token\1 ", text))
    return re.sub(r"\d+", "0", kinds).lower()
