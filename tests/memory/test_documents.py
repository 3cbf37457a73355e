"""Documents are indexed once, reopen in another process, and questions find their sections."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory import documents
from memory.desk.wordings import FOLDER, WORDINGS
from memory.documents import Documents
from memory.sections import read_sections
from models.embeddings import minilm
from models.stored import rows, small
from tools.desk.wording import search_wording

HERE = Path(__file__).parent
QUESTIONS = tomllib.loads((HERE / "questions.toml").read_text("utf-8"))["question"]

BOOK = """---
product: home
---
# Home

## 1 Water
### 1.1 Burst pipes
A burst pipe is covered.

### 1.2 Aquariums
A broken aquarium is covered.

## 2 Fire
Fire by lightning is covered.
"""
OTHER = (
    BOOK.replace("product: home", "product: motor")
    .replace("# Home", "# Motor")
    .replace("lightning", "engine")
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "home.md").write_text(BOOK, "utf-8")
    (folder / "motor.md").write_text(OTHER, "utf-8")
    return folder


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were embedded."""
    texts: list[str] = []

    def counted(path: Path, wanted: Iterable[str], embed: Callable[[str], Any]) -> dict[str, Any]:
        return rows(path, wanted, lambda text: texts.append(text) or embed(text))

    monkeypatch.setattr(documents, "rows", counted)
    return texts


async def test_sections_keep_where_they_stand(folder: Path) -> None:
    sections = {section.source: section for section in read_sections(folder)}
    assert list(sections) == [f"{name} § {n}" for name in ("home", "motor") for n in ("1.1", "1.2", "2")]
    assert sections["home § 1.2"].title == "Home · Water · Aquariums"
    assert sections["motor § 2"].text == "Fire by engine is covered."
    assert sections["motor § 2"].tags == {"product": "motor"}


async def test_a_question_finds_its_section(folder: Path) -> None:
    found = await Documents("books", folder).search(
        "Is my aquarium covered?", k=2, where={"product": ["home"]}
    )
    assert found[0].source == "home § 1.2"
    assert {passage.document for passage in found} == {"home"}
    assert len(found) == 2


async def test_a_sentence_is_found_in_a_section_about_something_else(folder: Path) -> None:
    pipes = " ".join(f"Pipe number {n} is looked at by a plumber each year in spring." for n in range(12))
    padded = f"{pipes} Whoever keeps a parrot tells us. {pipes}"
    (folder / "home.md").write_text(BOOK.replace("A burst pipe is covered.", padded), "utf-8")
    found = await Documents("books", folder).search("My bird: must you know of it?", k=1)
    assert found[0].source == "home § 1.1"


async def test_equal_sections_keep_the_order_of_the_documents(folder: Path) -> None:
    (folder / "aaa.md").write_text(BOOK, "utf-8")
    (folder / "motor.md").unlink()
    found = await Documents("books", folder).search("burst pipe", k=2)
    assert [passage.document for passage in found] == ["aaa", "home"]


async def test_a_letter_is_searched_by_its_questions(folder: Path) -> None:
    padding = "We had a lovely summer with many guests and much sunshine at the lake. " * 20
    letter = f"<document>{padding} Is damage by lightning covered? {padding}</document>"
    found = await Documents("books", folder).search(letter, k=1)
    assert found[0].source == "home § 2"


async def test_documents_are_indexed_once_and_again_when_they_change(
    folder: Path, embedded: list[str]
) -> None:
    await Documents("books", folder).ensure()
    # Two of three texts are in both books; each has a view with its titles, and one without.
    assert len(embedded) == 6 + 4
    await Documents("books", folder).ensure()
    assert len(embedded) == 6 + 4

    (folder / "home.md").write_text(BOOK.replace("aquarium is", "fish tank is"), "utf-8")
    found = await Documents("books", folder).search("fish tank", k=1)
    assert "fish tank" in found[0].text
    assert len(embedded) == 6 + 4 + 6 + 5


async def test_what_was_stored_is_found_as_before_and_only_what_is_new_is_embedded(
    folder: Path, embedded: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await Documents("books", folder).search("Is a fish tank covered?", k=6)
    Documents("books", folder).store()
    embedded.clear()

    monkeypatch.setenv("TOWER_HOME", str(tmp_path / "new"))
    assert await Documents("books", folder).search("Is a fish tank covered?", k=6) == before
    assert embedded == []

    (folder / "home.md").write_text(BOOK.replace("aquarium is", "fish tank is"), "utf-8")
    await Documents("books", folder).ensure()
    assert embedded == [
        "Home · Water · Aquariums\nA broken fish tank is covered.",
        "A broken fish tank is covered.",
    ]


async def test_the_desks_vectors_are_stored_and_are_those_of_its_documents(embedded: list[str]) -> None:
    kept = WORDINGS._rows
    assert embedded == [], "run `make examples`"
    for text in list(kept)[:: len(kept) // 8]:
        assert np.array_equal(kept[text], small(minilm().embed([text])[0]))


async def test_an_index_that_was_cut_short_is_completed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Documents("books", folder).ensure()
    opened = Documents("books", folder)
    opened._ready().collection.delete(ids=[f"motor § 2 #{view}.0" for view in range(3)])
    found = await Documents("books", folder).search("fire by engine", k=1)
    assert found[0].source == "motor § 2"


def _find(folder: str, home: str) -> list[str]:
    os.environ["TOWER_HOME"] = home
    found = asyncio.run(Documents("books", Path(folder)).search("burst pipe", k=2))
    return [passage.source for passage in found]


def test_processes_that_start_at_once_agree(folder: Path, tower_home: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(_find, [(str(folder), str(tower_home))] * 2)
    assert found == [["home § 1.1", "motor § 1.1"]] * 2


async def test_the_same_index_serves_several_event_loops(folder: Path) -> None:
    books = Documents("books", folder)
    results = await asyncio.gather(
        *(asyncio.to_thread(lambda: asyncio.run(books.search("burst pipe", k=1))) for _ in range(4))
    )
    assert {found[0].source for found in results} == {"home § 1.1"}


async def test_a_section_number_is_given_once(folder: Path) -> None:
    (folder / "home.md").write_text(BOOK + "\n## 2 Again\nx\n", "utf-8")
    with pytest.raises(ValueError, match="two sections 2"):
        read_sections(folder)


async def test_the_desks_documents_are_long_and_name_each_other_rightly() -> None:
    sections = read_sections(FOLDER)
    names = {section.document for section in sections}
    known = {f"{s.document} {s.section}" for s in sections} | {
        f"{s.document} {s.section.split('.')[0]}" for s in sections
    }
    lengths = {path.stem: len(path.read_text("utf-8").split()) for path in FOLDER.glob("*.md")}
    assert len(names) >= 14
    assert {name: words for name, words in lengths.items() if not 900 <= words <= 2500} == {}
    pointers = re.findall(
        rf"\b((?:{'|'.join(sorted(names))}) \d+(?:\.\d+)?)", " ".join(s.text for s in sections)
    )
    assert set(pointers) <= known
    assert max(len(piece.split()) for section in sections for piece in section.pieces) < 220


@pytest.mark.slow
async def test_words_help_meaning_to_find_the_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hits() -> int:
        found = [await WORDINGS.search(q["text"], 3) for q in QUESTIONS]
        return sum(
            bool(set(q["relevant"]) & {p.source for p in passages})
            for q, passages in zip(QUESTIONS, found, strict=True)
        )

    both = await hits()
    monkeypatch.setattr(documents, "LEXICAL_WEIGHT", 0.0)
    assert both >= 26
    assert both > await hits()


async def test_the_tool_answers_from_one_product() -> None:
    passages = await search_wording.run("Is luggage in the locked boot of a parked car covered?", "travel")
    assert passages[0].source == "travel-wording § 2.4"
    assert {p.document.split("-")[0] for p in passages}.isdisjoint({"home", "motor", "pet", "liability"})
