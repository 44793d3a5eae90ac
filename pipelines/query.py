"""What every ``ae search`` gets, and how its answers are printed."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from ae_lightning.data.prepared import Prepared


@dataclass(frozen=True)
class Query:
    """What a person asks of a ``variant`` on ``data``: the command line's words and options."""

    variant: str
    data: Prepared
    words: Sequence[str]
    file: Path | None
    count: int
    as_json: bool
    montage: Path | None


def show(lines: Iterable[str]) -> None:
    """Print lines, which may have letters that the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in lines:
        print(line.encode(encoding, "replace").decode(encoding))


def plain(text: str) -> str:
    """On one line, and without what would steer the terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def cut(text: str, width: int) -> str:
    """At most ``width`` columns of a terminal."""
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
