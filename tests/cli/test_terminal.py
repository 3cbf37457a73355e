"""What people and documents say is shown as it is."""

from __future__ import annotations

import pytest
from rich.table import Table

from cli import terminal
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


def test_a_command_is_named_so_that_its_reader_can_type_it(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terminal, "PROGRAM", "./tower")
    say("Go on with: tower resume run-1", "The tower fell on my car")
    complain("there is no run 'x'; `tower runs` lists them")
    shown = capsys.readouterr()

    assert shown.out == "Go on with: ./tower resume run-1\nThe tower fell on my car\n"
    assert "`./tower runs` lists" in shown.err
