"""What people and documents say is shown as it is."""

from __future__ import annotations

from rich.table import Table

from cli.terminal import complain, say, styled

WRITTEN = "[red]approve[/red] [/] [link=file:///etc/passwd]this[/link]"


def test_brackets_in_somebodys_words_are_neither_colour_nor_an_error(capsys):
    cells = Table(WRITTEN)
    cells.add_row(WRITTEN)
    say(WRITTEN, styled(("✓", "green"), f" {WRITTEN}"), cells)
    complain(WRITTEN)
    shown = capsys.readouterr()

    assert shown.out.count(WRITTEN) == 4
    assert shown.err.strip() == f"error: {WRITTEN}"
