import csv

import numpy as np
import psutil
import pytest

from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.memory import MEGABYTE, note_memory, peak_memory_mb


def test_the_peak_grows_by_what_is_held():
    before = peak_memory_mb()
    room = before * MEGABYTE - psutil.Process().memory_info().rss  # below the peak before it
    held = np.ones(max(int(room), 0) + 200_000_000, dtype=np.uint8)
    assert peak_memory_mb() - before > 150
    del held
    assert peak_memory_mb() - before > 150  # a peak stays


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_curve_keeps_its_rows_and_gets_a_column(tmp_path, epochs):
    curve = tmp_path / "curve.csv"
    row = {"seconds": 0.5, "train/loss": 3.0, "val/loss": 2.0}
    LearningCurve([{"epoch": epoch, **row} for epoch in range(epochs)]).write(curve)
    before = curve.read_text().splitlines()
    note_memory(curve)
    after = curve.read_text().splitlines()
    assert [line.rsplit(",", 1)[0] for line in after] == before
    with curve.open(newline="") as file:
        found = [float(row["memory_mb"]) for row in csv.DictReader(file)]
    assert len(found) == epochs
    assert all(50 < value <= peak_memory_mb() + 1 for value in found)
