"""Input and result of the evaluation of one variant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.figures.embedding import Plane
from ae_lightning.nn.stack import Stack


@dataclass(frozen=True)
class EvaluationInput:
    """A variant to be evaluated, with its dataset's baseline and its learning curve.

    ``baseline`` has the dataset's own scores, ``curve`` is the file of the learning curve.
    """

    name: str
    stack: Stack
    data: PreparedDataset
    environment: Environment
    baseline: dict[str, Any]
    curve: Path


@dataclass(frozen=True)
class EvaluationResult:
    """Metrics, figures by file name, codes by split ``(examples, code)``, and codes in a plane."""

    metrics: dict[str, Any]
    figures: dict[str, Figure]
    codes: dict[str, NDArray[Any]]
    plane: Plane
