"""Record of a classifier's run: its learned weights and the metrics of its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from ae_lightning import sealed
from ae_lightning.artifacts import remedy
from ae_lightning.config.classifiers import Run
from ae_lightning.errors import reading
from ae_lightning.files import replaced
from ae_lightning.training.curve import LearningCurve

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
            sealed.seal(partial)

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
    rows = [{**run._asdict(), **epoch} for run, epochs in runs.items() for epoch in epochs]
    LearningCurve(rows).write(path, COLUMNS)


def read_epochs(path: Path) -> dict[Run, list[dict[str, float]]]:
    """Read what :func:`write_epochs` wrote, run by run in its order."""
    runs: dict[Run, list[dict[str, float]]] = {}
    with reading(path, remedy(path)):
        for row in LearningCurve.read(path).rows:
            run = Run(*(row[name] for name in Run._fields))
            figures = {name: float(row[name]) for name in row if name not in Run._fields}
            runs.setdefault(run, []).append(figures)
    return runs
