"""Page: tables and cells of the report; whatever comes from a case is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from evals.verdict import State


def cell(value: object) -> str:
    """One cell; numbers to the right, states in their colour."""
    if isinstance(value, State):
        return f'<td class="{value.lower()}"><b>{value}</b></td>'
    if value is None:
        return '<td class="n dim">·</td>'
    if isinstance(value, float | int):
        return f'<td class="n">{value:{",.3f" if isinstance(value, float) else ","}}</td>'
    return f"<td>{escape(str(value))}</td>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are made already; it scrolls by itself where the page is narrow."""
    listed = list(rows)
    numbers = [any(cells[i].startswith('<td class="n">') for cells in listed) for i in range(len(head))]
    titles = "".join(
        f"<th{' class=n' if number else ''}>{escape(title)}</th>"
        for title, number in zip(head, numbers, strict=True)
    )
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in listed)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'
