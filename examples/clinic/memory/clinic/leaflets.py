"""The clinic's leaflets, as agents may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory.documents import Documents


class Leaflets(Documents):
    """A retriever: passages for a question, as plain values."""

    async def __call__(self, question: str) -> Sequence[Mapping[str, Any]]:
        """Find the passages that fit best."""
        return [passage.model_dump() for passage in await self.search(question)]


LEAFLETS = Leaflets("leaflets", Path(__file__).parent / "documents")
