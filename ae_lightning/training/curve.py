"""Learning curves: what a training logged, a row an epoch, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.artifacts import remedy
from ae_lightning.errors import reading
from ae_lightning.files import Fields, replaced_file

COLUMNS = ("epoch", "seconds", "train/loss", "val/loss", "val/sse")
RUN = ("start", "labels", "seed")
"""Columns that tell the trainings of a classifier apart."""

TEXTS = ("start", "labels")
"""Columns that may hold words."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LearningCurve:
    """Rows of one or several trainings; none for what is solved in closed form.

    ``source`` is the file that they are from, if they are from one.
    """

    rows: Sequence[Row] = ()
    source: Path | None = None

    @classmethod
    def read(cls, path: Path) -> LearningCurve:
        """Read what :meth:`write` wrote; figures that a training does not have are left out.

        Raises:
            UserError: it is absent, cut or otherwise damaged.
        """
        with reading(path, remedy(path)):
            text = path.read_bytes().decode()
            if not text.endswith("\n"):
                raise ValueError("its last line is cut")
            table = csv.DictReader(text.splitlines(), strict=True)
            rows = [_row(cells, table.line_num) for cells in table]
            _check_epochs(table.fieldnames or (), rows)
        return cls(rows, path)

    def write(self, path: Path, columns: Iterable[str] = COLUMNS) -> None:
        """Write CSV with these columns, and with all others that a row has behind them."""
        names = dict.fromkeys([*columns, *(name for row in self.rows for name in row)])
        with replaced_file(path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)

    @cached_property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Figures by name, one an epoch; {} where nothing was learned step by step."""
        names = self.rows[0] if self.rows else ()
        found = {name: np.array([float(row[name]) for row in self.rows]) for name in names}
        return Fields(found, self.source, remedy(self.source)) if self.source and found else found

    def noting(self, **figures: float) -> LearningCurve:
        """The same curve with further figures, alike in each row."""
        return LearningCurve([{**row, **figures} for row in self.rows])

    def delayed(self, seconds: float) -> LearningCurve:
        """The same curve, begun ``seconds`` later."""
        later = ({"seconds": round(row["seconds"] + seconds, 3)} for row in self.rows)
        return LearningCurve([{**row, **time} for row, time in zip(self.rows, later, strict=True)])


def _row(cells: Mapping[Any, Any], line: int) -> Row:
    if None in cells or None in cells.values():
        raise ValueError(f"line {line}: must have as many cells as the header")
    return {name: _parsed(name, text) for name, text in cells.items() if text}


def _parsed(name: str, text: str) -> int | float | str:
    if name in TEXTS and not text.isdecimal():
        return text
    return int(text) if text.removeprefix("-").isdecimal() else float(text)


def _check_epochs(columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Refuse a row that is out of place: epochs are counted, and each has the same figures."""
    if not {"epoch", "seconds"} <= {*columns}:
        raise ValueError(f"must have the columns epoch and seconds, found {', '.join(columns)}")
    for before, row in pairwise(rows):
        if all(before.get(name) == row.get(name) for name in RUN) and (
            row["epoch"] != before["epoch"] + 1 or row.keys() != before.keys()
        ):
            raise ValueError(f"must have the next epoch after {before['epoch']}, found {dict(row)}")
