"""Evaluation of one variant: input, result, and its two parts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.figures.embedding import Plane
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.files import read_json, write_json
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack


@dataclass(frozen=True)
class Baseline:
    """What a variant is compared with.

    ``metrics`` are scores of the raw examples and of PCA or LSA of the code's size, by name.
    ``solved`` is that PCA of images, if there is one.
    """

    metrics: Metrics
    solved: Stack | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: if it is absent or broken.
        """
        path, solved = folder / "metrics.json", folder / "pca"
        metrics = read_json(
            path, f"run: dvc repro baseline@{folder.parent.name}", "no baseline here"
        )
        return cls(metrics, checkpoint.load(solved) if solved.exists() else None)

    def save(self, folder: Path, data: str) -> None:
        """Write it into ``folder``, for the dataset of that name."""
        write_json(self.metrics, folder / "metrics.json")
        if self.solved:
            checkpoint.save(self.solved, folder / "pca", data)


@dataclass(frozen=True)
class EvaluationInput:
    """A variant to be evaluated, with its baseline and the file of its learning curve."""

    name: str
    stack: Stack
    data: PreparedDataset
    environment: Environment
    baseline: Baseline
    curve: Path


@dataclass(frozen=True)
class EvaluationResult:
    """Metrics, figures by file name, codes by split ``(examples, code)``, and codes in a plane."""

    metrics: Metrics
    figures: dict[str, Figure]
    codes: dict[str, NDArray[Any]]
    plane: Plane


class EvaluationKind(NamedTuple):
    """Evaluation of a kind of data.

    All processes take part in ``passes`` over the examples; the first alone goes on from what comes
    out.
    """

    passes: Callable[[EvaluationInput], Any]
    evaluate: Callable[[EvaluationInput, Any], EvaluationResult]
