"""Record of a classifier's run: its learned weights and the metrics of its epochs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ae_lightning.config.classifiers import Run
from ae_lightning.files import replaced, replaced_file

COLUMNS = ("start", "labels", "seed", "epoch", "seconds", "train/loss", "val/error")

Epoch = Mapping[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """An ended run in ``folder``, and its ``epochs`` with their names in :data:`COLUMNS`."""

    folder: Path
    epochs: Sequence[Epoch]

    @property
    def weights(self) -> Path:
        """The file of its learned weights."""
        return self.folder / "weights.safetensors"

    @classmethod
    def write(
        cls, weights: Mapping[str, Tensor], epochs: Sequence[Epoch], run: Run, folder: Path
    ) -> None:
        """Write a run, all of it or nothing.

        Weights are kept in 16 bit: in half the space, and predictions hardly differ.
        """
        kept = {name: weight.cpu().half().contiguous() for name, weight in weights.items()}
        with replaced(folder) as partial:
            save_file(kept, partial / "weights.safetensors")
            write_epochs({run: epochs}, partial / "epochs.csv")

    @classmethod
    def read(cls, folder: Path) -> RunRecord:
        """Read what :meth:`write` wrote."""
        return cls(folder, next(iter(read_epochs(folder / "epochs.csv").values())))

    def __str__(self) -> str:
        last = self.epochs[-1]
        figures = [f"{name} {last[name]:.4g}" for name in COLUMNS[5:] if name in last]
        return "  ".join([*figures, f"{last['seconds']:.1f} s"])


def write_epochs(runs: Mapping[Run, Sequence[Epoch]], path: Path) -> None:
    """Write the epochs of runs as CSV, a row each, with :data:`COLUMNS`."""
    with replaced_file(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for run, epochs in runs.items():
            writer.writerows({**run._asdict(), **epoch} for epoch in epochs)


def read_epochs(path: Path) -> dict[Run, list[dict[str, float]]]:
    """Read what :func:`write_epochs` wrote, run by run in its order."""
    runs: dict[Run, list[dict[str, float]]] = {}
    for row in _rows(path):
        labels: Any = row["labels"] if row["labels"] == "all" else int(row["labels"])
        run = Run(row["start"], labels, int(row["seed"]))  # type: ignore[arg-type]
        figures = {name: float(row[name]) for name in COLUMNS[3:] if row[name]}
        runs.setdefault(run, []).append(figures)
    return runs


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)
