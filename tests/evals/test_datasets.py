"""The labelled datasets: typed rows, and what `verify` finds wrong with the files they come from.

The part above the tests is meant to become `evals/datasets.py` once the command line reaches it.
"""

import functools
import hashlib
import json
import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "evals" / "desk" / "datasets"
DOCUMENTS = ROOT / "memory" / "desk" / "documents"
NEAR_DUPLICATE = 0.8  # Jaccard similarity of character trigrams


class Row(BaseModel):
    """What every row has; `held_out` rows stay unread by whoever tunes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    split: Literal["dev", "held_out"]
    hard: bool


class Utterance(Row):
    text: str
    intent: str
    pattern: str
    note: str


class Call(BaseModel):
    """A tool call; arguments that aren't named are free."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tool: str
    args: dict[str, str | int]


class ToolCase(Row):
    role: str
    customer_id: str
    verified: bool
    request: str
    given: str
    calls: list[Call]
    ordered: bool
    alternatives: list[list[Call]]
    allowed_extra: list[str]
    forbidden: list[str]
    forbidden_args: list[Call]
    note: str


class Question(Row):
    question: str
    relevant: list[str]
    answerable: bool
    reference: str


class Approval(BaseModel):
    """What a person answers when asked; `refused` if the answer must not be taken."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    by: str
    decision: Literal["approve", "reject", "edit"]
    amount: int | None = None
    refused: bool


class Assertion(BaseModel):
    """Rows of a table that match `where`: one with `expect`, or `count` of them, or a bounded sum."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    table: str
    where: dict[str, Any]
    new: bool = False
    expect: dict[str, Any] | None = None
    count: int | None = None
    sum: dict[str, Any] | None = None


class Expected(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    status: list[str]
    graph: list[str]
    end_state: list[Assertion]
    unchanged: list[str]


class Case(Row):
    channel: str
    user: str
    sender: str | None
    authenticated: bool | None
    customer_id: str | None
    vouched: str | None
    subject: str
    text: str
    html: str | None
    headers: dict[str, str]
    attachments: list[dict[str, str]]
    given: list[dict[str, Any]]
    approvals: list[Approval]
    expected: Expected
    answer_facts: list[str]
    forbidden: list[Assertion]
    forbidden_text: list[str]
    about: str | None
    writes: bool
    policy_critical: bool
    adversarial: bool
    note: str


class Labels(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    faithfulness: Literal["pass", "fail"]
    relevance: Literal["pass", "fail"]


class Pair(Row):
    question: str
    sources: list[dict[str, str]]
    answer_a: str
    answer_b: str
    label_a: Labels
    label_b: Labels
    preferred: Literal["a", "b", "tie"]
    rationale: str


ROWS: dict[str, type[Row]] = {
    "routing": Utterance,
    "tools": ToolCase,
    "retrieval": Question,
    "cases": Case,
    "judge": Pair,
}


def load(name: str, folder: Path = FOLDER) -> list[Row]:
    """Read a dataset's rows, each of its type."""
    lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [ROWS[name].model_validate_json(line) for line in lines]


def verify(folder: Path = FOLDER) -> list[str]:
    """Say what is wrong with the files; an empty list is good."""
    index = tomllib.loads((folder / "index.toml").read_text(encoding="utf-8"))
    return [f"{name}: {finding}" for name in ROWS for finding in _findings(name, index, folder)]


def _findings(name: str, index: dict[str, Any], folder: Path) -> Iterator[str]:
    entry = index["sets"][name]
    if hashlib.sha256((folder / f"{name}.jsonl").read_bytes()).hexdigest() != entry["sha256"]:
        yield "the file isn't the one of the index"
    rows = load(name, folder)
    yield from (f"{id_} is there {n} times" for id_, n in Counter(r.id for r in rows).items() if n > 1)
    counts = {"rows": len(rows), "hard": sum(r.hard for r in rows), "classes": Counter(map(class_of, rows))}
    yield from (f"{k} is {v}, not {entry[k]}" for k, v in counts.items() if v != entry[k])
    if 3 * sum(r.split == "held_out" for r in rows) != len(rows):
        yield "not a third is held out"
    near = near_duplicates([text_of(r) for r in rows])
    yield from (f"{rows[i].id} and {rows[j].id} are near-duplicates" for i, j in near)
    yield from (f"{row.id} names {word!r}" for row in rows for word in unknown_words(row, index["words"]))


def class_of(row: Row) -> str:
    """The class by which a set is counted."""
    match row:
        case Utterance():
            return row.intent
        case ToolCase():
            return row.role
        case Question():
            return "answerable" if row.answerable else "unanswerable"
        case Case():
            return "adversarial" if row.adversarial else "policy" if row.policy_critical else "ordinary"
        case Pair():
            return row.preferred
    raise TypeError(row)


def text_of(row: Row) -> str:
    """What near-duplicates are looked for in."""
    data = row.model_dump()
    fields = ("text", "request", "question", "given", "attachments", "html", "answer_a", "answer_b")
    return " ".join(str(data[f]) for f in fields if data.get(f))


def unknown_words(row: Row, words: dict[str, list[str]]) -> list[str]:
    """Names of intents, tools, sources and so on that neither index nor documents know."""
    used: dict[str, list[str]] = {}
    match row:
        case Utterance():
            used = {"intents": [row.intent], "patterns": [row.pattern]}
        case ToolCase():
            calls = [*row.calls, *row.forbidden_args, *(c for way in row.alternatives for c in way)]
            used = {"tools": [*(c.tool for c in calls), *row.allowed_extra, *row.forbidden]}
        case Question():
            return [s for s in row.relevant if s not in sections()]
        case Pair():
            return [s["source"] for s in row.sources if sections().get(s["source"]) != s["text"]]
        case Case():
            used = {"graphs": row.expected.graph, "statuses": row.expected.status, "users": [row.user]}
            used["tables"] = [a.table for a in (*row.expected.end_state, *row.forbidden)]
    return [word for kind, names in used.items() for word in names if word not in words[kind]]


@functools.cache
def sections(folder: Path = DOCUMENTS) -> dict[str, str]:
    """Text by source, such as `home-wording § 2.2`."""
    found: dict[str, str] = {}
    for path in folder.glob("*.md"):
        parts = re.split(r"^#+ (?:(\d+\.\d+) )?.*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        found |= {
            f"{path.stem} § {n}": text.strip() for n, text in zip(parts[1::2], parts[2::2], strict=True) if n
        }
    return found


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of texts whose character trigrams are nearly the same."""
    grams = [{t[i : i + 3] for i in range(len(t) - 2)} for t in (" ".join(t.lower().split()) for t in texts)]
    column = {g: i for i, g in enumerate(sorted(set().union(*grams)))}
    has = np.zeros((len(texts), len(column)), dtype=np.float32)
    for i, own in enumerate(grams):
        has[i, [column[g] for g in own]] = 1
    both, size = has @ has.T, has.sum(axis=1)
    alike = both / np.maximum(size[:, None] + size[None, :] - both, 1)
    return [(int(i), int(j)) for i, j in np.argwhere(np.triu(alike, 1) >= NEAR_DUPLICATE)]


def test_the_files_are_what_the_index_says():
    assert verify() == []


@pytest.mark.parametrize(
    ("name", "least", "classes"),
    [("routing", 380, 13), ("tools", 120, 5), ("retrieval", 150, 2), ("cases", 80, 3), ("judge", 60, 3)],
)
def test_sets_are_as_large_as_promised(name, least, classes):
    rows = load(name)

    assert len(rows) >= least
    assert len({class_of(r) for r in rows}) >= classes


def test_scarce_kinds_are_there():
    cases = [r for r in load("cases") if isinstance(r, Case)]
    routing = Counter(map(class_of, load("routing")))

    assert routing["out_of_scope"] >= 60
    assert routing.total() - routing["out_of_scope"] >= 320
    assert Counter(map(class_of, load("retrieval")))["unanswerable"] >= 25
    assert sum(c.policy_critical for c in cases) >= 25
    assert sum(c.adversarial for c in cases) >= 20


def test_cases_that_write_stand_on_customers_of_their_own():
    cases = [r for r in load("cases") if isinstance(r, Case)]
    owners = Counter(c.about for c in cases if c.writes and c.about)

    assert [who for who, n in owners.items() if n > 1] == []


def test_no_tool_is_expected_and_forbidden():
    for row in load("tools"):
        assert isinstance(row, ToolCase)
        calls = [*row.calls, *(c for way in row.alternatives for c in way)]
        assert not {*(c.tool for c in calls), *row.allowed_extra} & {*row.forbidden}, row.id


def test_every_set_has_a_card():
    for name in ROWS:
        card = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
        assert "Apache-2.0" in card, name
        assert "Known weaknesses" in card, name


def _copy(folder):
    return Path(shutil.copytree(FOLDER, folder / "datasets"))


def _edit(folder, name, change):
    path = folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    change(rows)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return "\n".join(verify(folder))


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("routing", lambda rows: rows[0].update(note="x"), "isn't the one of the index"),
        ("routing", lambda rows: rows[1].update(id="R-0001"), "R-0001 is there 2 times"),
        ("routing", lambda rows: rows[0].update(intent="gossip"), "names 'gossip'"),
        ("routing", lambda rows: rows[0].update(text=rows[1]["text"] + "!"), "are near-duplicates"),
        ("tools", lambda rows: rows[0]["forbidden"].append("print_money"), "names 'print_money'"),
        ("retrieval", lambda rows: rows[0].update(relevant=["home-wording § 9.9"]), "§ 9.9"),
        ("cases", lambda rows: [r.update(split="dev") for r in rows], "not a third is held out"),
        ("judge", lambda rows: rows.pop(), "rows is"),
    ],
)
def test_what_is_wrong_is_found(tmp_path, name, change, says):
    assert says in _edit(_copy(tmp_path), name, change)


def test_a_row_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValidationError):
        _edit(_copy(tmp_path), "judge", lambda rows: rows[0].update(mood="good"))
