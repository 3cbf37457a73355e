"""Verification: what is wrong with a folder of datasets, in words."""

from __future__ import annotations

import functools
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evals.datasets import SETS, Case, Labelled, Pair, Question, ToolCase, Utterance, read, sha256

NEAR_DUPLICATE = 0.8
"""Jaccard similarity of character trigrams from which two texts are nearly the same."""

Form = tuple[type[Labelled], Mapping[str, Collection[str]]]
"""What the rows of a set are, and field → the words that may stand there, one or several."""


def verify(
    folder: Path,
    documents: Path,
    taught: Mapping[str, Sequence[str]] | None = None,
    forms: Mapping[str, Form] | None = None,
) -> list[str]:
    """Say what is wrong with the files; an empty list is good.

    Args:
        folder: With `index.toml`, which says what the files are.
        documents: Markdown with numbered sections, which answers rest on.
        taught: Set → texts that the offline model learned from, which no row of it may be like.
        forms: Set → its form, for those that have one of their own.
    """
    index = tomllib.loads((folder / "index.toml").read_text(encoding="utf-8"))
    forms = forms or {}
    types = SETS | {name: form for name, (form, _) in forms.items()}
    files = {name: read(folder / f"{name}.jsonl", form) for name, form in types.items()}
    sets = {name: rows for name, (rows, broken) in files.items() if not broken}
    found = [f"{name}.jsonl {each}" for name, (_, broken) in files.items() for each in broken]
    hashes = index["hashes"] | {name: entry["sha256"] for name, entry in index["sets"].items()}
    others = [name for name in hashes if name in sets or name not in files]
    found += [f"{n}: {f}" for n in others for f in _changed(folder / f"{n}.jsonl", hashes[n])]
    found += [f"{n}: {f}" for n in SETS if n in sets for f in _findings(sets[n], n, index, documents)]
    found += [f"{n}: {f}" for n, form in forms.items() if n in sets for f in _of_form(sets[n], form)]
    taught = {name: texts for name, texts in (taught or {}).items() if name in sets}
    return found + [f"{n}: {f}" for n, texts in taught.items() for f in _taught(sets[n], texts)]


def _taught(rows: Sequence[Labelled], texts: Sequence[str]) -> Iterator[str]:
    for i, j in near_duplicates([*texts, *map(text_of, rows)]):
        if i < len(texts) <= j:
            yield f"{rows[j - len(texts)].id} is nearly the example {texts[i]!r}; take that out"


def _changed(path: Path, known: str) -> Iterator[str]:
    if not path.is_file():
        yield "the file is missing"
    elif (here := sha256(path)) != known:
        yield f"the file isn't the one of the index; if that is on purpose, its hash there is {here}"


def _twice(rows: Sequence[Labelled]) -> Iterator[str]:
    yield from (f"{id_} is there {n} times" for id_, n in Counter(r.id for r in rows).items() if n > 1)


def _of_form(rows: Sequence[Labelled], form: Form) -> Iterator[str]:
    yield from _twice(rows)
    first: dict[str, str] = {}
    for row in rows:
        text = row.model_dump_json(exclude={"id", "split", "hard", "note"})
        if first.setdefault(text, row.id) != row.id:
            yield f"{row.id} is {first[text]} once more"
        for name, words in form[1].items():
            value = getattr(row, name)
            unknown = [v for v in ([value] if isinstance(value, str) else value) if v not in words]
            yield from (f"{row.id} names {word!r}" for word in unknown)


def _findings(rows: Sequence[Labelled], name: str, index: Mapping[str, Any], known: Path) -> Iterator[str]:
    entry, documents = index["sets"][name], sections(known)
    yield from _twice(rows)
    counts = {"rows": len(rows), "hard": sum(r.hard for r in rows), "classes": Counter(map(class_of, rows))}
    yield from (f"{k} is {v}, not {entry[k]}" for k, v in counts.items() if v != entry[k])
    if 3 * sum(r.split == "held_out" for r in rows) < len(rows):
        yield "less than a third is held out"
    near = near_duplicates([text_of(r) for r in rows])
    yield from (f"{rows[i].id} and {rows[j].id} are near-duplicates" for i, j in near)
    unknown = ((row, word) for row in rows for word in _unknown_words(row, index["words"], documents))
    yield from (f"{row.id} names {word!r}" for row, word in unknown)


def class_of(row: Labelled) -> str:
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


def text_of(row: Labelled) -> str:
    """What near-duplicates are looked for in."""
    data = row.model_dump()
    fields = ("text", "request", "question", "given", "attachments", "html", "answer_a", "answer_b")
    return " ".join(str(data[f]) for f in fields if data.get(f))


def _unknown_words(row: Labelled, words: Mapping[str, list[str]], sections: Mapping[str, str]) -> list[str]:
    """Names of intents, tools, sources and so on that neither index nor documents know."""
    used: dict[str, list[str]] = {}
    match row:
        case Utterance():
            used = {"intents": [row.intent], "patterns": [row.pattern]}
        case ToolCase():
            calls = [*row.calls, *row.forbidden_args, *(c for way in row.alternatives for c in way)]
            used = {"tools": [*(c.tool for c in calls), *row.allowed_extra, *row.forbidden]}
        case Question():
            return [s for s in row.relevant if s not in sections]
        case Pair():
            return [s["source"] for s in row.sources if sections.get(s["source"]) != s["text"]]
        case Case():
            used = {"graphs": row.expected.graph, "statuses": row.expected.status, "users": [row.user]}
            used["tables"] = [a.table for a in (*row.expected.end_state, *row.forbidden)]
    return [word for kind, names in used.items() for word in names if word not in words[kind]]


@functools.cache
def sections(folder: Path) -> dict[str, str]:
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
