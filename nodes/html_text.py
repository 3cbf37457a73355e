"""HTML to the text that a reader would see; what is hidden is left out and counted."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "object"})
VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
BLOCKS = frozenset({"p", "div", "br", "li", "tr", "table", "h1", "h2", "h3", "h4", "blockquote", "hr"})
HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(\.0*)?\s*(;|$)|"
    r"font-size\s*:\s*(0(?![.\d])|0?\.0|[01]?(\.\d+)?p[xt])|max-height\s*:\s*0|(?<![-\w])color\s*:\s*(white|#fff(fff)?)\b",
    re.IGNORECASE,
)


def visible_text(html: str) -> tuple[str, int]:
    """Text that a reader sees, and how many characters were hidden from them."""
    parser = _Visible()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.shown).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), parser.hidden_characters


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self.hidden_characters = 0
        self._open: list[tuple[str, bool, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in BLOCKS:
            self.shown.append("\n")
        if tag not in VOID:
            hidden = "hidden" in given or bool(HIDDEN.search(given.get("style") or ""))
            self._open.append((tag, tag in SILENT, hidden))

    def handle_endtag(self, tag: str) -> None:
        names = [name for name, _, _ in self._open]
        if tag in names:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]
        if tag in BLOCKS:
            self.shown.append("\n")

    def handle_data(self, data: str) -> None:
        if any(hidden for _, _, hidden in self._open):
            self.hidden_characters += len(data.strip())
        elif not any(silent for _, silent, _ in self._open):
            self.shown.append(data)
