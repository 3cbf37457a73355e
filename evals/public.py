"""Public intent sets, read from a local path and never shipped: CLINC150 and BANKING77."""

from __future__ import annotations

import csv
import hashlib
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from evals.datasets import problem
from governance.errors import InvalidInput

T = TypeVar("T")
Text = tuple[str, str]
"""What someone said, and its intent."""

HELD_OUT_OF = 4
"""Where a set brings no test split, every fourth text of an intent is one."""


@dataclass(frozen=True, slots=True)
class IntentSet:
    """An intent set as its file has it.

    Attributes:
        outside: Texts of the test split that have none of the intents.
        split: What the set calls the split that is tested on.
    """

    name: str
    train: Sequence[Text]
    test: Sequence[Text]
    outside: Sequence[str]
    split: str


class _Clinc150(BaseModel):
    """`data_full.json` and its relatives; the training and validation splits suffice."""

    model_config = ConfigDict(extra="ignore")
    train: list[Text]
    val: list[Text] = []
    oos_val: list[Text] = []
    test: list[Text] = []
    oos_test: list[Text] = []


def read_clinc150(path: Path) -> IntentSet:
    """Read CLINC150 (clinc/oos-eval): `{"train": [[text, intent], …], "val": …, "oos_val": …}`.

    The test split is taken where the file has it, else the validation split.

    Raises:
        InvalidInput: The file can't be read or has another form.
    """
    try:
        data = _Clinc150.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except (OSError, ValidationError) as error:
        raise _unusable(path, "CLINC150's JSON with `train` and `val` or `test`", error) from error
    split = "test" if data.test else "val"
    inside, outside = (data.test, data.oos_test) if data.test else (data.val, data.oos_val)
    return _checked(IntentSet("clinc150", data.train, inside, [text for text, _ in outside], split), path)


def read_banking77(path: Path) -> IntentSet:
    """Read BANKING77 (PolyAI): CSV with the columns `text` and `category`.

    A `test.csv` beside the file is the test split; without one a quarter of each intent is held out.

    Raises:
        InvalidInput: A file can't be read or has another form.
    """
    train, beside = _csv(path), path.with_name("test.csv")
    if beside.is_file() and beside != path:
        return _checked(IntentSet("banking77", train, _csv(beside), [], "test"), path)
    of_intent = defaultdict[str, list[Text]](list)
    for text in train:
        of_intent[text[1]].append(text)
    kept = [t for texts in of_intent.values() for i, t in enumerate(texts) if i % HELD_OUT_OF]
    test = [t for texts in of_intent.values() for t in texts[::HELD_OUT_OF]]
    return _checked(IntentSet("banking77", kept, test, [], "quarter"), path)


def some(values: Iterable[T], most: int) -> list[T]:
    """At most so many of them, always the same ones, in their order."""
    numbered = list(enumerate(values))
    by_chance = sorted(numbered, key=lambda pair: hashlib.sha256(repr(pair).encode()).digest())
    return [value for _, value in sorted(by_chance[:most], key=lambda pair: pair[0])]


def _csv(path: Path) -> list[Text]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # Excel begins a file with a BOM
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error, UnicodeDecodeError) as error:
        raise _unusable(path, "CSV with the columns `text` and `category`", error) from error


def _checked(found: IntentSet, path: Path) -> IntentSet:
    intents = {intent for _, intent in found.train}
    if not found.test or {intent for _, intent in found.test} - intents:
        msg = f"{path} has no test texts, or intents among them that no training text has"
        raise InvalidInput(msg)
    return found


def _unusable(path: Path, wanted: str, error: Exception) -> InvalidInput:
    return InvalidInput(f"{path} can't be read as {wanted} ({problem(error)}); see docs/public-sets.md")
