"""What people and documents say is shown as it is."""

from __future__ import annotations

import pytest
from rich.table import Table

from cli import terminal
from cli.terminal import complain, say, styled, table_of

WRITTEN = "[red]approve[/red] [/] [link=file:///etc/passwd]this[/link]"


def test_brackets_in_somebodys_words_are_neither_colour_nor_an_error(capsys):
    cells = Table(WRITTEN)
    cells.add_row(WRITTEN)
    say(WRITTEN, styled(("✓", "green"), f" {WRITTEN}"), cells)
    complain(WRITTEN)
    shown = capsys.readouterr()

    assert shown.out.count(WRITTEN) == 4
    assert shown.err.strip() == f"error: {WRITTEN}"


@pytest.mark.parametrize("width", [80, 100])
def test_a_table_loses_no_letter_where_it_is_narrow(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    words = ("roles-worker", "tool_selection_accuracy_ref__keyword", f"offline/offline-1@{'0' * 40}")
    numbers = ("0.123", "0.84-0.95", "+0.001")
    table = table_of(*("word",) * len(words), *(">number",) * len(numbers))
    table.add_row(*words, *numbers)
    say(table)
    lines = capsys.readouterr().out.splitlines()

    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    shown = "".join(char for line in lines[1:] for char in line if char != " ")
    assert sorted(shown) == sorted("".join((*words, *numbers)))
    assert all(number in lines[1] for number in numbers)


def test_where_nobody_sees_it_it_is_as_wide_as_it_is_told(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert terminal.console().width == 100
    monkeypatch.setenv("COLUMNS", "173")
    assert terminal.console().width == 173


def test_a_command_is_named_so_that_its_reader_can_type_it(capsys, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terminal, "PROGRAM", "./tower")
    say("Go on with: tower resume run-1", "The tower fell on my car")
    complain("there is no run 'x'; `tower runs` lists them")
    shown = capsys.readouterr()

    assert shown.out == "Go on with: ./tower resume run-1\nThe tower fell on my car\n"
    assert "`./tower runs` lists" in shown.err
