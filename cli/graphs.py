"""Graphs: which there are, and how they look."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.terminal import Json, finish, styled, tell


class Format(StrEnum):
    """How a graph is drawn."""

    MERMAID = "mermaid"
    SVG = "svg"


def graphs(
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw each graph, with the graphs nested in it.")
    ] = False,
    form: Annotated[
        Format, typer.Option("--format", help="Mermaid text, or an SVG picture made here.")
    ] = Format.SVG,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("docs/graphs"),
    json: Json = False,
) -> None:
    """List the graphs, or draw them."""

    async def work() -> None:
        from rich.table import Table

        from graphs.domain import domain

        names = list(domain().graphs)
        if draw:
            written = [str(_write(name, form, out)) for name in names]
            tell(written, *written, json=json)
            return
        about = {name: _about(name) for name in names}
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, text in about.items():
            table.add_row(styled((name, "bold")), text)
        tell([{"graph": name, "about": text} for name, text in about.items()], table, json=json)

    finish(work())


def _write(name: str, form: Format, out: Path) -> Path:
    from graphs.domain import domain

    graph = domain().graph(name)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.{'mmd' if form is Format.MERMAID else 'svg'}"
    if form is Format.MERMAID:
        text = graph.get_graph(xray=True).draw_mermaid()
    else:
        from cli.draw import svg

        text = svg(graph, name)
    path.write_text(text, encoding="utf-8")
    return path


def _about(name: str) -> str:
    """The first sentence of the module that compiles it."""
    import importlib

    from graphs.domain import domain

    return (importlib.import_module(domain().graphs[name]).__doc__ or "").strip().split("\n")[0]
