"""Learning curves as CSV, a row an epoch."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ae_lightning.files import replaced_file

COLUMNS = ("epoch", "seconds", "train/loss", "val/loss", "val/sse")


def write_curve(rows: Iterable[Mapping[str, float]], path: Path) -> None:
    """Write learning curves as CSV, a row an epoch; none for what is solved in closed form."""
    with replaced_file(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_curve(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a learning curve's CSV without those that a training does not have.

    Empty where nothing was learned step by step.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [key for key, value in rows[0].items() if value] if rows else []
    return {key: np.array([float(row[key]) for row in rows]) for key in columns}
