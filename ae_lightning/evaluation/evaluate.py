"""Evaluation of one variant: scores, figures and codes, written together."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone
from ae_lightning.evaluation import documents, images
from ae_lightning.evaluation.image_scores import Metrics
from ae_lightning.evaluation.types import Baseline, EvaluationInput, EvaluationKind
from ae_lightning.files import replaced, rounded, unmeasured, write_json
from ae_lightning.nn.finite import LARGEST, beyond, finite
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


def complaints(codes: NDArray[Any]) -> Iterator[str]:
    """What is wrong with the test codes ``(examples, code)``, and what to do."""
    if wild := int(beyond(codes).any(1).sum()):
        yield (
            f"codes must be finite and at most {LARGEST:g}, found others for {wild:,} of "
            f"{len(codes):,} test examples (cut there, NaN as 0); lower train.learning_rate"
        )
    elif len(codes) > 1 and (codes == codes[0]).all():
        yield "all codes are alike; lower the penalty or train.learning_rate"


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
    ``codes.npz`` and the folder ``plane``; returns the metrics. Codes that say little are told of
    in a line, and so are figures that cannot be measured, which are left out.
    """
    case, kind = EvaluationInput(name, stack, data, environment, baseline, curve), KINDS[data.kind]
    measured = kind.passes(case)
    alone(environment)
    for line in complaints(measured.codes["test"]):
        print(f"evaluate {name}: {line}")
    codes = {split: finite(rows) for split, rows in measured.codes.items()}
    found = kind.evaluate(case, replace(measured, codes=codes))
    if absent := unmeasured(found.metrics):
        print(f"evaluate {name}: left out, as not measurable: {', '.join(absent)}")
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
