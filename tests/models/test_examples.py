"""Labelled examples that a schema names: learned at first use, and sent to nobody."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from langchain_core.messages import HumanMessage

from models.examples import KEYWORD, Examples, embedded
from models.offline.facts import read
from models.offline.fill import fill
from models.offline.learned import Classifier, classifier, is_stored, store

GARDEN = {
    "water": ["Give the roses two cans", "The beds are dry, sprinkle them", "Pour a litre over the ferns"],
    "cut": ["Trim the hedge", "The lawn is too high, mow it", "Shorten the twigs of the apple tree"],
    "none": ["What's on television?", "Sing a song", "My shoes are wet"],
}


@pytest.fixture
def garden(tmp_path) -> Examples:
    path = tmp_path / "garden.toml"
    path.write_text("".join(f"{label} = {json.dumps(texts)}\n" for label, texts in GARDEN.items()))
    return Examples.read(path)


def schema(named: str, options=tuple(GARDEN)) -> dict:
    work = {"type": "string", "enum": list(options), KEYWORD: named, "description": "What is to be done."}
    sure = {"type": "integer", "minimum": 0, "maximum": 100, "description": "How sure you are"}
    return {"type": "object", "properties": {"work": work, "confidence": sure}, "required": ["work"]}


def told(form: dict, text: str) -> dict:
    return fill(form, read([HumanMessage(text)])).values


@pytest.mark.parametrize(
    ("text", "work"),
    [("Please mow the grass", "cut"), ("sprinkle the tulips", "water"), ("Sing me something", "none")],
)
def test_a_text_gets_the_label_of_examples_like_it(garden, text, work):
    assert told(schema(garden.id), text)["work"] == work


def test_it_is_surer_of_what_is_like_one_label_than_of_what_is_like_two(garden):
    clear, torn = (
        told(schema(garden.id), text)["confidence"]
        for text in ("Trim the hedge and mow the lawn", "Pour water and trim")
    )

    assert clear > torn


def test_the_chance_in_a_token_changes_nothing(garden):
    form = schema(garden.id)
    letters = [
        f"Dear <person:{digits}>, trim it for <iban:{digits[::-1]}>."
        for digits in ("0a1b2c3d4e5f", "f9e8d7c6b5a4")
    ]

    assert told(form, letters[0]) == told(form, letters[1])
    assert np.array_equal(*(embedded([letter]) for letter in letters))


def test_a_greeting_gets_a_label_too(garden):
    assert told(schema(garden.id), "hello")["work"] in GARDEN


def test_the_schema_holds_a_name_that_changes_with_the_examples(garden, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(garden.path.read_text().replace("hedge", "bush"))

    assert Examples.read(other).id != garden.id
    assert "hedge" not in json.dumps(schema(garden.id))


def test_examples_for_other_options_or_of_nobody_count_for_nothing(garden):
    form = schema(garden.id, ["sow", "harvest"])

    assert told(form, "Harvest the beans")["work"] == "harvest"
    assert told(schema("0" * 16), "please cut it")["work"] == "cut"


def test_what_was_stored_gives_the_same_choice_as_what_was_fitted_afresh(garden):
    texts, labels = zip(*garden.labelled, strict=True)
    fresh = Classifier(texts, labels, garden.vectors())
    assert not is_stored(garden)

    store(garden)

    again = classifier(garden)
    vectors = embedded(["mow it"])
    assert is_stored(garden)
    assert again.likelihoods("mow it", vectors) == fresh.likelihoods("mow it", vectors)
    assert Path(garden.path.with_suffix(".npz")).stat().st_size < 10_000


def test_a_fit_to_other_examples_is_not_used(garden, monkeypatch):
    store(garden)
    monkeypatch.setattr(Classifier, "_fit", lambda *_: pytest.fail("fitted again"))
    classifier(garden)
    garden.path.write_text(garden.path.read_text().replace("hedge", "bush"))

    changed = Examples.read(garden.path)

    assert not is_stored(changed)
    with pytest.raises(pytest.fail.Exception, match="fitted again"):
        classifier(changed)
