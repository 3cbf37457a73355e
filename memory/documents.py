"""Documents: passages for a question, from a folder of Markdown indexed in Chroma."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
from pydantic import BaseModel

from governance.settings import Settings
from memory.ranking import Lexicon, questions
from memory.sections import Section, content_hash, read_sections
from models.embeddings import minilm
from models.stored import rows, unit, write

if TYPE_CHECKING:
    from chromadb import Collection
    from chromadb.api import ClientAPI
    from numpy.typing import NDArray

LEXICAL_WEIGHT = 0.45
"""Share of the words in a score beside the meaning; measured on `tests/memory/questions.toml`, dev rows."""

LOCK_SECONDS = 300


class Passage(BaseModel):
    """A section that fits a question, best first in a list.

    Attributes:
        score: 0 (unrelated) to about 1.
    """

    source: str
    document: str
    section: str
    title: str
    text: str
    score: float


class _Index(NamedTuple):
    """A complete collection, and its vectors: so few that all are looked at.

    Attributes:
        vectors: Array of shape `[pieces, dimensions]`.
        places: Array of shape `[pieces, 2]`: the section, and the view of it.
    """

    collection: Collection
    vectors: NDArray[np.float32]
    places: NDArray[np.int64]


class Documents:
    """A folder of documents that can be asked; safe from any event loop, thread or process.

    The collection's name holds the hash of what is in it: documents that change get a new
    collection, and one that is complete never changes again.

    Args:
        name: Name of the collection, as policy knows it.
        folder: Where the Markdown documents are.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self.collection = name
        self._folder = folder
        self._guard = threading.Lock()
        self._open: dict[str, _Index] = {}

    async def ensure(self) -> None:
        """Index the documents, unless that was done before."""
        await asyncio.to_thread(self._prepare)

    async def search(
        self, query: str, k: int = 4, where: Mapping[str, Sequence[str]] | None = None
    ) -> list[Passage]:
        """Find the sections that fit a question, or the questions in a letter.

        Args:
            query: A question, or a whole text with questions in it.
            k: How many sections at most.
            where: Tag → the values that a document may have.
        """
        return await asyncio.to_thread(self._search, query, k, where or {})

    @cached_property
    def _sections(self) -> list[Section]:
        return read_sections(self._folder)

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon([f"{section.title}\n{section.text}" for section in self._sections])

    def store(self) -> None:
        """Write the vectors beside the folder, so that a new home needn't wait for them."""
        write(self._beside, self._rows)

    @property
    def _beside(self) -> Path:
        return self._folder.with_suffix(".npz")

    @property
    def _rows(self) -> dict[str, NDArray[np.int8]]:
        texts = (text for section in self._sections for view in section.views for text in view)
        return rows(self._beside, texts, lambda text: minilm().embed([text])[0])

    def _search(self, query: str, k: int, where: Mapping[str, Sequence[str]]) -> list[Passage]:
        ready = self._ready()
        allowed = [
            index
            for index, section in enumerate(self._sections)
            if all(section.tags.get(tag) in values for tag, values in where.items())
        ]
        best = dict.fromkeys(allowed, 0.0)
        for question in questions(query):
            words, meaning = self._lexicon.scores(question), self._meaning(ready, question)
            for index in allowed:
                score = (1 - LEXICAL_WEIGHT) * float(meaning[index]) + LEXICAL_WEIGHT * words[index]
                best[index] = max(score, best[index])
        # Equal scores keep the order of the documents, so that a run can be repeated.
        ranked = sorted(best, key=lambda index: (-round(best[index], 4), index))[:k]
        return [_passage(self._sections[index], best[index]) for index in ranked]

    def _meaning(self, ready: _Index, question: str) -> NDArray[np.float32]:
        """Of each section the mean over its views of the cosine of the best piece."""
        best = np.zeros((len(self._sections), ready.places[:, 1].max() + 1), dtype=np.float32)
        np.maximum.at(best, tuple(ready.places.T), ready.vectors @ minilm().embed([question])[0])
        return np.asarray(best.mean(axis=1))

    def _prepare(self) -> None:
        # Opening Chroma takes two seconds that a command which asks nothing shouldn't wait for.
        if not self._marker(Settings.from_env().vectors).exists():
            self._ready()

    def _marker(self, folder: Path) -> Path:
        return folder / f"{self._stored_name}.indexed"

    @cached_property
    def _stored_name(self) -> str:
        return f"{self.collection}-{content_hash(self._sections)}"

    def _ready(self) -> _Index:
        settings = Settings.from_env()
        address = os.environ.get("TOWER_CHROMA_URL") or str(settings.vectors)
        with self._guard:
            if address not in self._open:
                self._open[address] = self._index(address, settings.vectors)
            return self._open[address]

    def _index(self, address: str, folder: Path) -> _Index:
        from models.vectors import ChromaMiniLM  # noqa: PLC0415 - chromadb takes a second to import

        with _locked(folder):
            client = _connect(address)
            embed: Any = ChromaMiniLM()
            collection = client.get_or_create_collection(self._stored_name, embedding_function=embed)
            pieces = [
                (
                    f"{section.source} #{view}.{part}",
                    text,
                    {**section.tags, "index": index, "view": view, "source": section.source},
                )
                for index, section in enumerate(self._sections)
                for view, texts in enumerate(section.views)
                for part, text in enumerate(texts)
            ]
            if collection.count() < len(pieces):
                ids, texts, metadatas = (list(column) for column in zip(*pieces, strict=True))
                known = self._rows
                vectors: Any = unit(np.stack([known[text] for text in texts]))
                collection.upsert(ids=ids, documents=texts, metadatas=metadatas, embeddings=vectors)
            if not os.environ.get("TOWER_CHROMA_URL"):
                self._marker(folder).touch()
            stored = collection.get(include=["embeddings", "metadatas"])
        places = [[int(str(m["index"])), int(str(m["view"]))] for m in stored["metadatas"] or []]
        return _Index(collection, np.asarray(stored["embeddings"], dtype=np.float32), np.array(places))


def _passage(section: Section, score: float) -> Passage:
    return Passage(
        source=section.source,
        document=section.document,
        section=section.section,
        title=section.title,
        text=section.text,
        score=round(score, 4),
    )


def _connect(address: str) -> ClientAPI:
    import chromadb  # noqa: PLC0415 - it takes a second to import
    from chromadb.config import Settings as ChromaSettings  # noqa: PLC0415

    quiet = ChromaSettings(anonymized_telemetry=False)
    if "://" not in address:
        return chromadb.PersistentClient(address, settings=quiet)
    url = urlsplit(address)
    secure = url.scheme == "https"
    port = url.port or (443 if secure else 8000)
    return chromadb.HttpClient(url.hostname or "localhost", port, ssl=secure, settings=quiet)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time; the lock of one that died is free at once."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "lock", timeout=LOCK_SECONDS, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield
