"""Sections: Markdown documents cut at their numbered headings, with what each is about."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.offline.text import sentences

HEADING = re.compile(r"^#{2,6} (\d+(?:\.\d+)*)\.? +(.+)$")
PIECE_WORDS = 150
"""The embedding model reads about 200 words; a longer section is indexed in pieces."""


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered section of a document.

    Attributes:
        document: File name without its ending, such as `home-wording`.
        section: Number, such as `4.2`.
        title: Titles from the document down, such as `Home insurance · Exclusions · Frost`.
        tags: The document's front matter, such as `product: home`.
    """

    document: str
    section: str
    title: str
    text: str
    tags: Mapping[str, str]

    @property
    def source(self) -> str:
        """How the section is cited."""
        return f"{self.document} § {self.section}"

    @property
    def pieces(self) -> list[str]:
        """The text in parts that an embedding model can take in."""
        pieces: list[list[str]] = [[]]
        for paragraph in self.text.split("\n\n"):
            if pieces[-1] and len(" ".join([*pieces[-1], paragraph]).split()) > PIECE_WORDS:
                pieces.append([])
            pieces[-1].append(paragraph)
        return ["\n\n".join(piece) for piece in pieces]

    @property
    def views(self) -> list[list[str]]:
        """The text as a question may come close to it: under its titles, by itself, sentence by sentence."""
        titled = [f"{self.title}\n{piece}" for piece in self.pieces]
        return [titled, self.pieces, sentences(self.text) or self.pieces]


def read_sections(folder: Path) -> list[Section]:
    """Read every Markdown document of a folder, in the order of their names.

    Raises:
        ValueError: Two sections of a document have one number, or text stands before the first.
    """
    return [section for path in sorted(folder.glob("*.md")) for section in _split(path)]


def content_hash(sections: Sequence[Section]) -> str:
    """First 12 hex digits of the SHA-256 over all that is indexed."""
    digest = hashlib.sha256()
    for section in sections:
        digest.update(repr((section.source, section.views, sorted(section.tags.items()))).encode())
    return digest.hexdigest()[:12]


def _split(path: Path) -> list[Section]:
    tags, name, lines = _front_matter(path.read_text("utf-8"))
    titles: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    number = ""
    for line in lines:
        if heading := HEADING.match(line):
            number, title = heading.groups()
            if number in titles:
                msg = f"{path.name} has two sections {number}; give each its own number"
                raise ValueError(msg)
            titles[number], texts[number] = title, []
        elif number:
            texts[number].append(line)
        elif line.strip():
            msg = f"{path.name} has text before its first section; put it under one such as `## 1 Scope`"
            raise ValueError(msg)
    return [
        Section(path.stem, number, " · ".join([name, *_path(number, titles)]), text, tags)
        for number, body in texts.items()
        if (text := "\n".join(body).strip())
    ]


def _path(number: str, titles: Mapping[str, str]) -> list[str]:
    parts = number.split(".")
    above = (".".join(parts[: depth + 1]) for depth in range(len(parts)))
    return [titles[prefix] for prefix in above if prefix in titles]


def _front_matter(text: str) -> tuple[dict[str, str], str, list[str]]:
    tags: dict[str, str] = {}
    lines = text.splitlines()
    if lines and lines[0] == "---":
        end = lines.index("---", 1)
        pairs = (line.partition(":") for line in lines[1:end])
        tags = {key.strip(): value.strip() for key, _, value in pairs}
        lines = lines[end + 1 :]
    name = next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), "")
    return tags, name, [line for line in lines if not line.startswith("# ")]
