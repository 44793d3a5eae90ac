"""Learning curves as training wrote them."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_curve(path: Path) -> dict[str, NDArray[np.float64]]:
    """Columns of a learning curve's CSV without those that a training does not have.

    Empty where nothing was learned step by step.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [key for key, value in rows[0].items() if value] if rows else []
    return {key: np.array([float(row[key]) for row in rows]) for key in columns}
