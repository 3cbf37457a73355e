"""Stored: vectors that lie beside the texts they are of, so that no process makes them again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEPS = 400
"""Steps of 8 bits for 1: no component of a sentence's unit vector comes near 0.32."""

KEYS, ROWS = "keys", "rows"


def small(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Unit vectors in 8 bits a component: the same ones whether they were stored or made just now."""
    return np.clip(np.rint(vectors * STEPS), -127, 127).astype(np.int8)


def unit(rows: NDArray[np.int8]) -> NDArray[np.float32]:
    """Unit vectors again, along the last axis."""
    table = rows.astype(np.float32)
    return np.asarray(table / np.linalg.norm(table, axis=-1, keepdims=True))


def rows(
    path: Path, texts: Iterable[str], embed: Callable[[str], NDArray[np.float32]]
) -> dict[str, NDArray[np.int8]]:
    """Each text's row: as it lies in the file, or made by `embed`."""
    known: dict[str, NDArray[np.int8]] = {}
    if path.is_file():
        with np.load(path) as file:
            known = dict(zip(file[KEYS].tolist(), file[ROWS], strict=True))
    return {
        text: row if (row := known.get(_key(text))) is not None else small(embed(text))
        for text in dict.fromkeys(texts)
    }


def others(path: Path) -> dict[str, NDArray[Any]]:
    """What `write` was given beside the vectors."""
    if not path.is_file():
        return {}
    with np.load(path) as file:
        return {name: file[name] for name in file if name not in {KEYS, ROWS}}


def write(path: Path, of: Mapping[str, NDArray[np.int8]], **more: Any) -> None:
    """Write the rows of texts, under hashes of these; the same content gives the same bytes."""
    arrays = {KEYS: np.array([_key(text) for text in of]), ROWS: np.stack(list(of.values()))}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **more, **arrays)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
