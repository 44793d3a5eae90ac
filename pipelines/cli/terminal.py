"""Printing on a terminal: encoding, control characters, width."""

import sys
from collections.abc import Iterable

from rich.cells import cell_len, set_cell_size


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
