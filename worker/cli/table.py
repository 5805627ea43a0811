"""Tables: laid out on a terminal, plain columns in a pipe or a file, where scripts read them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from worker.cli.text import plain
from worker.terminal import say_lines

_WIDEST = 60
_NARROWEST = 12
_GAP = 3
_STATES = {"ENABLED": "green", "ok": "green", "DISABLED": "yellow"}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below the names of their columns; a value that a row lacks is shown as ``-``.

    ``whole``: the columns that are never folded, such as ids, which are copied.
    """

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    whole: Sequence[str] = ()

    def __str__(self) -> str:
        cells = [[plain(column) for column in self.columns], *self._cells()]
        widths = [min(_WIDEST, max(len(line[i]) for line in cells)) for i in range(len(self.columns))]
        return "\n".join(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        )

    def layout(self) -> RichTable:
        """Return the table for a terminal. Every text is a ``Text``: markup in it means nothing."""
        table = RichTable(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
        cells = self._cells()
        for number, column in enumerate(self.columns):
            name = plain(column)
            width = max(Text(text).cell_len for text in (name, *(line[number] for line in cells)))
            whole = column in self.whole
            narrowest = width if whole else min(width, _NARROWEST)
            table.add_column(Text(name), overflow="fold", no_wrap=whole, min_width=narrowest)
        for line in cells:
            table.add_row(*(_styled(column, cell) for column, cell in zip(self.columns, line, strict=True)))
        return table

    def _cells(self) -> list[list[str]]:
        return [[plain(row.get(column, "-")) for column in self.columns] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Fields:
    """One line a field: its name, then its value."""

    values: Mapping[str, Any]

    def __str__(self) -> str:
        shown = {plain(name): plain(value) for name, value in self.values.items()}
        width = max(map(len, shown), default=0)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())

    def layout(self) -> RichTable:
        """Return the fields for a terminal."""
        grid = RichTable.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold", min_width=_NARROWEST)
        for name, value in self.values.items():
            grid.add_row(Text(plain(name), "bold"), _styled(name, plain(value)))
        return grid


def write(*parts: str | Table | Fields) -> None:
    """Write to standard output: tables are laid out where that is a terminal."""
    console = Console() if sys.stdout.isatty() else None
    for part in parts:
        if console is None or isinstance(part, str):
            say_lines(str(part))
        else:
            write_layout(console, part)


def write_layout(console: Console, part: Table | Fields) -> None:
    """Write a table to a terminal. If it cannot be made narrow enough, the terminal wraps its lines."""
    layout, width = part.layout(), console.width
    least = sum((column.min_width or 0) + _GAP for column in layout.columns)
    console.width = max(width, least)
    console.print(layout, crop=False)
    console.width = width


def _styled(column: str, text: str) -> Text:
    return Text(text, _STATES.get(text, "yellow") if column == "state" else "")
