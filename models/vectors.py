"""Our embeddings as a Chroma embedding function, registered so that stored collections reopen."""

from __future__ import annotations

from typing import Any

import numpy as np
from chromadb.api.types import Documents, EmbeddingFunction, Space
from chromadb.api.types import Embeddings as Vectors
from chromadb.utils.embedding_functions import register_embedding_function

from models.embeddings import minilm


@register_embedding_function
class ChromaMiniLM(EmbeddingFunction[Documents]):
    """Embed documents for Chroma; a collection made with it needs no argument to be reopened."""

    def __init__(self) -> None:
        self._model = minilm()

    def __call__(self, input: Documents) -> Vectors:  # noqa: A002 - Chroma's name
        """Embed documents into unit vectors of 384 numbers."""
        return list(self._model.embed(input).astype(np.float32))

    @staticmethod
    def name() -> str:
        """Name that a stored collection is bound to."""
        return "tower_minilm_int8"

    def default_space(self) -> Space:
        """Distance for new collections."""
        return "cosine"

    def supported_spaces(self) -> list[Space]:
        """Distances that make sense for unit vectors."""
        return ["cosine", "ip", "l2"]

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ChromaMiniLM:  # noqa: ARG004 - there is nothing to set
        """Make it again for a stored collection."""
        return ChromaMiniLM()

    def get_config(self) -> dict[str, Any]:
        """What a stored collection keeps of it."""
        return {"model": "all-MiniLM-L6-v2-onnx-int8"}
