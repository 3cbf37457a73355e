"""Embeddings: equal for equal texts, whoever asks and in whatever company."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import chromadb
import numpy as np
import pytest

from models.embeddings import MiniLM, ModelFileError, check_file, minilm
from models.vectors import ChromaMiniLM


def test_related_sentences_are_closer_than_unrelated_ones():
    pipe, leak, opera = minilm().embed(
        ["A pipe burst in the cellar.", "Water leaks from the tubes.", "She sang at the opera."]
    )
    assert pipe @ leak > pipe @ opera + 0.2


def test_vectors_are_unit_rows_of_384_floats_whatever_the_text():
    vectors = minilm().embed(["", "word " * 5_000, "你好 😀 \x00 ﬁ", "a"])
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert minilm().embed([]).shape == (0, 384)


def test_a_vector_does_not_depend_on_company_or_thread():
    texts = [f"sentence {i} about a {noun}" for i in range(10) for noun in ("boat", "bill", "bird")]
    alone = np.stack([MiniLM().embed([text])[0] for text in texts[:3]])
    shared = MiniLM()
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda k: shared.embed(texts if k % 2 else texts[::-1]), range(6)))
    for k, result in enumerate(results):
        assert np.array_equal(result if k % 2 else result[::-1], results[1])
    assert np.array_equal(results[1][:3], alone)


async def test_langchain_interface_gives_the_same_vectors():
    model = minilm()
    assert model.embed_query("a boat") == model.embed_documents(["a boat"])[0]
    assert await model.aembed_query("a boat") == (await model.aembed_documents(["a boat"]))[0]
    assert np.allclose(model.embed_query("a boat"), model.embed(["a boat"])[0])


def test_tokens_are_counted_beyond_the_length_that_is_embedded():
    assert minilm().count_tokens("hello world") == 2
    assert minilm().count_tokens("hello " * 1_000) == 1_000


def test_another_model_file_is_refused(tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(b"another model")
    with pytest.raises(ModelFileError, match="pinned"):
        check_file(file, "00" * 32)
    with pytest.raises(ModelFileError, match="missing"):
        check_file(tmp_path / "none.onnx", "00" * 32)


def test_a_stored_collection_reopens_with_our_embeddings_and_cosine(tmp_path):
    first = chromadb.PersistentClient(tmp_path)
    made = first.create_collection("animals", embedding_function=ChromaMiniLM())
    made.add(ids=["dog", "bill"], documents=["the dog barks at night", "the invoice is overdue"])
    first.close()

    again = chromadb.PersistentClient(tmp_path).get_collection("animals")

    found = again.query(query_texts=["a barking puppy"], n_results=2)
    assert found["ids"] == [["dog", "bill"]]
    expected = 1 - float(
        minilm().embed(["a barking puppy"])[0] @ minilm().embed(["the dog barks at night"])[0]
    )
    assert found["distances"][0][0] == pytest.approx(expected, abs=1e-4)


def test_a_text_that_several_ask_about_at_once_is_run_once(monkeypatch):
    model, runs, began = MiniLM(), [], threading.Barrier(4)

    def slowly(text: str):
        runs.append(text)
        time.sleep(0.05)
        if text == "broken":
            raise ValueError(text)
        return np.ones(384, dtype=np.float32)

    def ask(text: str):
        began.wait()
        return model.embed([text])

    monkeypatch.setattr(model, "_run", slowly)
    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(ask, ["a dog"] * 4))) == 4
        assert runs == ["a dog"]
        asked = [pool.submit(ask, "broken") for _ in range(4)]
        assert all(isinstance(each.exception(), ValueError) for each in asked)
    assert model._coming == {}
