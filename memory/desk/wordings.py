"""The desk's wordings and procedures, as agents may read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memory.documents import Documents, Passage

FOLDER = Path(__file__).parent / "documents"
ANY_PRODUCT = "any"


class Wordings(Documents):
    """Policy wordings and procedures; a retriever for graphs, and what `search_wording` asks."""

    async def find(self, question: str, product: str | None = None, k: int = 4) -> list[Passage]:
        """Find passages; with a product, those of the product and those for any."""
        return await self.search(question, k, {"product": (product, ANY_PRODUCT)} if product else None)

    async def __call__(self, question: str) -> Sequence[Mapping[str, Any]]:
        """Find passages as plain values."""
        return [passage.model_dump() for passage in await self.find(question)]


WORDINGS = Wordings("wordings", FOLDER)
