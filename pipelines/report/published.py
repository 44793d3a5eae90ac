"""Published figures to stand beside ours; quoted from the source or a copy of it, not run again.

They are not like for like: nets, splits and lengths of training are theirs.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ae_lightning.evaluation.reference_results import PUBLISHED as ERRORS


class PublishedResult(NamedTuple):
    """A number and who published it, where."""

    value: float
    source: str


HINTON = "Hinton & Salakhutdinov 2006, Fig. 2B"
AGAIN = "a public re-implementation of that net without pretraining, 500 iterations"
UMAP = "Parametric UMAP paper's tables (a convolutional net, 50 epochs)"
CS231N = "Stanford CS231n notes (Euclidean distance)"

SSE, NEAREST, FIVE = "reconstruction.sse", "knn.accuracy@1", "knn.accuracy@5"
MAIN = "retrieval.hamming.main.precision@100"

HASHED = {
    "VDSH, Chaidaroon & Fang 2017, as later papers quote it (20 topics)": {
        8: 0.686,
        16: 0.717,
        32: 0.775,
        64: 0.746,
        128: 0.732,
    },
    "NASH-DN, Shen et al. 2018, as later papers quote it (20 topics)": {
        8: 0.747,
        16: 0.801,
        32: 0.842,
        64: 0.830,
        128: 0.792,
    },
    "AMMI, its repository's command log": {16: 0.817, 32: 0.845, 64: 0.851, 128: 0.860},
}
"""Precision among the 100 nearest by Hamming distance on Reuters-21578, by source and bits."""

FIGURES: Mapping[tuple[str, str], tuple[PublishedResult, ...]] = {
    ("pca-30", SSE): (PublishedResult(13.87, HINTON),),
    ("deep-30", SSE): (PublishedResult(3.00, HINTON),),
    ("rbm-30", SSE): (PublishedResult(3.00, HINTON),),
    ("scratch-30", SSE): (PublishedResult(2.65, AGAIN),),
    ("pca-2", FIVE): (PublishedResult(0.420, UMAP),),
    ("deep-2", FIVE): (PublishedResult(0.793, UMAP),),
    ("deep-2", SSE): (PublishedResult(28.9, UMAP),),
    ("pixels", NEAREST): (PublishedResult(0.354, CS231N),),
} | {
    (f"text-hash-{bits}", MAIN): tuple(
        PublishedResult(found[bits], source) for source, found in HASHED.items() if bits in found
    )
    for bits in (8, 16, 32, 64, 128)
}
"""By variant and the metric's dotted path."""


def of_variant(variant: str, path: str) -> tuple[PublishedResult, ...]:
    """Published results of the system that ``variant`` stands for; often none."""
    return FIGURES.get((variant, path), ())


def of_classifier(dataset: str, labels: int) -> tuple[PublishedResult, ...]:
    """Published shares of wrong answers on ``dataset`` with that many labels."""
    found = ERRORS.get(dataset, ())
    return tuple(
        PublishedResult(each.error, each.system) for each in found if each.labels == labels
    )
