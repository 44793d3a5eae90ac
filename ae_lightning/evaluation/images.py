"""Evaluate a variant on images: scores, claims and pictures beside PCA of the same code size."""

from pathlib import Path

from ae_lightning.config import Environment
from ae_lightning.data.prepared import Prepared
from ae_lightning.evaluation.claims import claims
from ae_lightning.evaluation.found import Found
from ae_lightning.evaluation.pictures import pictures
from ae_lightning.evaluation.scores import Measured, Metrics, pixel_scores, scores
from ae_lightning.nn.stack import Stack
from ae_lightning.training.pca import pca_stack


def baseline(data: Prepared) -> Metrics:
    """Scores of the raw examples by name."""
    return {"pixels": pixel_scores(data)}


def evaluate_images(
    name: str,
    stack: Stack,
    data: Prepared,
    environment: Environment,
    baseline: Metrics,
    curve: Path,
) -> Found:
    """Everything about ``stack`` on images, its codes of validation and test among it."""
    measured = Measured.of(stack, data, environment)
    components = min(stack.units, data.features)
    pca = Measured.of(pca_stack(data, components), data, environment)
    return Found(
        scores(measured, pca, baseline) | claims(measured),
        pictures(name, measured, pca, curve),
        {split: measured.codes[split] for split in ("validation", "test")},
    )
