"""Learning curves: what a training logged, a row an epoch, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.files import replaced_file

COLUMNS = ("epoch", "seconds", "train/loss", "val/loss", "val/sse")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LearningCurve:
    """Rows of one or several trainings; none for what is solved in closed form."""

    rows: Sequence[Row] = ()

    @classmethod
    def read(cls, path: Path) -> LearningCurve:
        """Read what :meth:`write` wrote; figures that a training does not have are left out."""
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            return cls([{k: _parsed(text) for k, text in row.items() if text} for row in rows])

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
        return {name: np.array([float(row[name]) for row in self.rows]) for name in names}

    def noting(self, **figures: float) -> LearningCurve:
        """The same curve with further figures, alike in each row."""
        return LearningCurve([{**row, **figures} for row in self.rows])

    def delayed(self, seconds: float) -> LearningCurve:
        """The same curve, begun ``seconds`` later."""
        later = ({"seconds": round(row["seconds"] + seconds, 3)} for row in self.rows)
        return LearningCurve([{**row, **time} for row, time in zip(self.rows, later, strict=True)])


def _parsed(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
