"""Printing on a terminal: encoding, control characters, width."""

import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

UNBOUNDED = 100_000
"""Width in which no line of a table is broken."""


def show(lines: Iterable[str]) -> None:
    """Print lines, which may have letters that the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(line.encode(encoding, "replace").decode(encoding))


def plain(text: str) -> str:
    """``text`` on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def cut(text: str, width: int) -> str:
    """``text`` cut to at most ``width`` columns of a terminal."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"


def table_lines(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines, headings first; each column is as wide as its widest cell."""
    table = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=UNBOUNDED, color_system=None)
    lines = console.render_lines(table, console.options.update(no_wrap=True), pad=False)
    return ["".join(part.text for part in line).rstrip() for line in lines]


def right(heading: str) -> Column:
    """A column of numbers."""
    return Column(heading, justify="right")


def width() -> int | None:
    """Columns of the terminal; None if stdout is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
