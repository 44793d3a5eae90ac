"""Evaluation of a variant on images: scores, claims and figures beside PCA of the code's size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.evaluation.figures.image_pages import PAGES, FigureInput, Page, codes, pictures
from ae_lightning.evaluation.figures.nearest_images import neighbours
from ae_lightning.evaluation.figures.probe_pages import CLAIM_PAGES
from ae_lightning.evaluation.figures.style import INK
from ae_lightning.evaluation.image_scores import (
    EncodedImages,
    Metrics,
    pixel_scores,
    pixels,
    score_test,
    scores,
)
from ae_lightning.evaluation.metrics.suite import FOR_PICTURES, FOR_STROKES, Measure, claims
from ae_lightning.evaluation.types import Baseline, EvaluationInput, EvaluationResult
from ae_lightning.training.closed_form import pca_stack

SEEN = 10_000
"""Training images whose errors are measured where measuring all of them takes minutes."""


def pixel_baseline(data: PreparedDataset) -> Metrics:
    """Scores of raw pixels; nothing without labels."""
    return {"pixels": pixel_scores(data)} if data.labelled else {}


def pca_baseline(data: PreparedDataset, size: int, environment: Environment) -> Baseline:
    """PCA of ``size`` numbers, or of as many as the data allow, and its scores on the test part.

    As many as an image has are a rotation of it, whose distances are those of the pixels.
    """
    examples = sum(len(data.inputs(split)) for split in ("train", "validation"))
    pca = EncodedImages.of(pca_stack(data, min(size, data.features, examples)), data, environment)
    codes = pixels(data) if pca.stack.units == data.features else pca.codes
    found = {"reconstruction": pca.errors["test"], **score_test(codes, data)}
    return Baseline({"pca": found}, pca.stack)


@dataclass(frozen=True)
class ImageEvaluation:
    """Scores and figures of variants on one kind of images.

    ``kept`` are the splits whose codes are stored, ``seen`` is the number of training images whose
    errors are measured (all of them with None), ``greys`` the colour map of grey images.
    """

    measures: Mapping[str, Measure]
    pages: Sequence[Page]
    kept: Sequence[str]
    greys: str = INK
    seen: int | None = None

    def passes(self, case: EvaluationInput) -> EncodedImages:
        """Codes and errors of all images, in all processes."""
        return EncodedImages.of(case.stack, case.data, case.environment, SPLITS, self.seen)

    def evaluate(self, case: EvaluationInput, measured: EncodedImages) -> EvaluationResult:
        """Everything about a variant.

        A stack without layers, whose code is the image itself, has no claims to be measured and no
        PCA beside it.
        """
        how = self if case.stack.layers else replace(self, measures={}, pages=(codes,), kept=())
        found = scores(measured, case.baseline.metrics, case.baseline.solved)
        found |= claims(measured, how.measures)
        shown = FigureInput(case, measured, found, how.greys)
        return EvaluationResult(
            found,
            pictures(shown, how.pages),
            {split: measured.codes[split] for split in how.kept},
            shown.plane,
        )


STROKES = ImageEvaluation(FOR_STROKES, (*PAGES, *CLAIM_PAGES), ("validation", "test"))
"""Bright strokes on dark ground, as in MNIST."""

PICTURES = ImageEvaluation(
    FOR_PICTURES, (*PAGES, neighbours, *CLAIM_PAGES), SPLITS, greys="gray", seen=SEEN
)
"""Photographs and drawings, grey or in colour."""
