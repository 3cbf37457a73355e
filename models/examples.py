"""Examples: labelled texts that a schema names, from which the offline model learns its options."""

from __future__ import annotations

import functools
import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.embeddings import minilm
from models.offline.text import sentences
from models.stored import others, rows, unit, write

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEYWORD = "x-examples"
"""The keyword of a JSON schema under which a field names its examples: `{KEYWORD: examples.id}`."""

_TOKEN = re.compile(r"<(\w+):[0-9a-f]+>")
_NAMED: dict[str, Examples] = {}


@dataclass(frozen=True)
class Examples:
    """Labelled texts.

    Attributes:
        texts: Label → texts.
        id: Changes with them; only this goes into the schema, so that no language model is sent them all.
    """

    path: Path
    texts: Mapping[str, list[str]]
    id: str

    @classmethod
    def read(cls, path: Path) -> Examples:
        """Read a TOML file of lists, and let schemas name it in this process."""
        content = path.read_bytes()
        examples = cls(path, tomllib.loads(content.decode()), hashlib.sha256(content).hexdigest()[:16])
        return _NAMED.setdefault(examples.id, examples)

    @property
    def labelled(self) -> list[tuple[str, str]]:
        """Texts with their labels."""
        return [(text, label) for label, texts in self.texts.items() for text in texts]

    def vectors(self) -> NDArray[np.float32]:
        """What `embedded` gives for all texts, in order; one that isn't stored takes 20 ms and more."""
        return unit(np.stack([self._rows[untokened(text)] for text, _ in self.labelled]))

    def store(self, fit: str, fitted: Mapping[str, NDArray[Any]]) -> None:
        """Write the vectors beside the file, and what a fit of that id gave.

        Vectors that were there are kept: after a change of the embedding model delete the file first.
        """
        write(self._beside, self._rows, fit=np.array(fit), **fitted)

    def stored(self, fit: str) -> dict[str, NDArray[Any]] | None:
        """What the fit of that id gave, if it lies beside the file."""
        found = others(self._beside)
        return found if str(found.pop("fit", "")) == fit else None

    @functools.cached_property
    def _rows(self) -> dict[str, NDArray[np.int8]]:
        texts = (untokened(text) for text, _ in self.labelled)
        return rows(self._beside, texts, lambda text: embedded(sentences(text), text))

    @property
    def _beside(self) -> Path:
        return self.path.with_suffix(".npz")


def embedded(said: Sequence[str], text: str = "") -> NDArray[np.float32]:
    """Unit vectors of a text as a whole and of its sentences on average, of shape `[2, dimensions]`.

    What is wanted may stand in one sentence of many, and the whole is cut after some 200 words.

    Args:
        text: The whole; the sentences in a row without it.
    """
    said = [untokened(sentence) for sentence in said]
    whole = untokened(text) or " ".join(said)
    pair = np.stack([minilm().embed([whole])[0], minilm().embed(said or [whole]).mean(axis=0)])
    return np.asarray(pair / np.linalg.norm(pair, axis=1, keepdims=True))


def untokened(text: str) -> str:
    """The text with the kind of each personal value in its place; the rest of a token is chance."""
    return _TOKEN.sub(r"\1", text)


def named(identifier: str) -> Examples | None:
    """The examples that a schema names, where this process has read them."""
    return _NAMED.get(identifier)
