"""Evaluation of one variant: scores, figures and codes, written together."""

from pathlib import Path
from typing import Annotated

import numpy as np

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone
from ae_lightning.evaluation import documents, images
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.evaluation.types import Baseline, EvaluationInput, EvaluationKind
from ae_lightning.files import replaced, rounded, write_json
from ae_lightning.nn.stack import Stack
from ae_lightning.registry import NamedBy
from ae_lightning.training.curve import LearningCurve

KINDS: Annotated[dict[str, EvaluationKind], NamedBy(values=("dataset.kind",))] = {
    "idx": EvaluationKind(images.STROKES.passes, images.STROKES.evaluate),
    "npy": EvaluationKind(images.PICTURES.passes, images.PICTURES.evaluate),
    "folder": EvaluationKind(images.PICTURES.passes, images.PICTURES.evaluate),
    "documents": EvaluationKind(documents.document_passes, documents.evaluate_documents),
}
"""Evaluation of variants by the data's kind."""

TRAINING = ("seconds", "memory_mb")
"""Columns of a learning curve whose last values are the cost of the training."""


def evaluate(
    name: str,
    stack: Stack,
    data: PreparedDataset,
    environment: Environment,
    *,
    baseline: Baseline,
    curve: Path,
    folder: Path,
) -> Metrics:
    """Evaluate ``stack`` beside its baseline and write everything into ``folder``.

    Called in all processes, of which the first alone returns.

    ``training.seconds`` are those of the curve, without the pretraining of layers that variants
    share, ``training.memory_mb`` the training's peak. Writes ``metrics.json``, the figures as PNG,
    ``codes.npz`` and the folder ``plane``; returns the metrics.
    """
    case, kind = EvaluationInput(name, stack, data, environment, baseline, curve), KINDS[data.kind]
    measured = kind.passes(case)
    alone(environment)
    found = kind.evaluate(case, measured)
    metrics: Metrics = rounded(found.metrics)
    if learned := LearningCurve.read(curve).columns:
        metrics["training"] = {
            column: float(learned[column][-1]) for column in TRAINING if column in learned
        }
    with replaced(folder) as partial:
        (partial / "figures").mkdir()
        for label, figure in found.figures.items():
            figure.savefig(partial / "figures" / f"{label}.png", metadata={"Software": None})
        np.savez(partial / "codes.npz", **found.codes)  # type: ignore[arg-type]
        found.plane.write(partial / "plane")
        write_json(metrics, partial / "metrics.json")
    return metrics
