"""Evaluate one variant: scores, pictures and codes, written together."""

from pathlib import Path

import numpy as np

from ae_lightning.config import Environment
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.claims import claims
from ae_lightning.evaluation.curves import read_curve
from ae_lightning.evaluation.pictures import pictures
from ae_lightning.evaluation.scores import Measured, Metrics, scores
from ae_lightning.files import replaced, rounded, write_json
from ae_lightning.nn.stack import Stack
from ae_lightning.training.pca import pca_stack


def evaluate(
    name: str,
    stack: Stack,
    data: Prepared,
    environment: Environment,
    *,
    baseline: Metrics,
    curve: Path,
    folder: Path,
) -> Metrics:
    """Measure ``stack`` beside PCA of the same code size and write everything into ``folder``.

    ``baseline`` holds the dataset's own scores. ``training.seconds`` are those of the curve,
    without the pretraining of layers that variants share. Writes ``metrics.json``, the figures as
    PNG and ``codes.npz`` (validation and test codes); returns the metrics.
    """
    measured = Measured.of(stack, data, environment)
    components = min(stack.specs[-1].units, data.features)
    pca = Measured.of(pca_stack(data, components), data, environment)
    metrics: Metrics = rounded(scores(measured, pca, baseline) | claims(measured))
    if learned := read_curve(curve):
        metrics["training"] = {"seconds": float(learned["seconds"][-1])}
    with replaced(folder) as partial:
        (partial / "figures").mkdir()
        for label, figure in pictures(name, measured, pca, curve).items():
            figure.savefig(partial / "figures" / f"{label}.png", metadata={"Software": None})
        codes = measured.codes
        np.savez(partial / "codes.npz", validation=codes["validation"], test=codes["test"])
        write_json(metrics, partial / "metrics.json")
    return metrics
