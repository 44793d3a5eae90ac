"""Figures of a variant on images, and the examples on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.evaluation.figures import plots
from ae_lightning.evaluation.figures.embedding import POINTS, Plane, wide_grid
from ae_lightning.evaluation.figures.style import INK
from ae_lightning.evaluation.image_scores import EncodedImages, Metrics, is_linear
from ae_lightning.evaluation.metrics.sampling import one_of_each, position_bits, reconstruct
from ae_lightning.evaluation.types import EvaluationInput
from ae_lightning.nn.stack import Stack
from ae_lightning.training.curve import LearningCurve

TSNE_EXAMPLES = POINTS
"""As many as a page shows, so that page and picture are one embedding."""

TSNE_STEPS = 500
"""Half of scikit-learn's: the picture of so few points hardly changes afterwards."""

START = 1e-4
"""Standard deviation of the points that t-SNE starts with, along PCA's first direction."""

PLOTTED = 5000


@dataclass(frozen=True)
class FigureInput:
    """Input of the figures: a variant's codes and metrics, and what it is compared with.

    ``greys`` is the colour map of grey images.
    """

    case: EvaluationInput
    measured: EncodedImages
    metrics: Metrics
    greys: str = INK

    @property
    def name(self) -> str:
        """The variant's name."""
        return self.case.name

    @property
    def data(self) -> PreparedDataset:
        """The dataset."""
        return self.case.data

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Indices of the test images that every variant shows."""
        return one_of_each(self.data)

    @cached_property
    def plane(self) -> Plane:
        """The test codes in a plane, and the plane decoded where two numbers are a whole code."""
        data, stack, codes = self.data, self.measured.stack, self.measured.codes["test"]
        points, title = embedding(codes)
        labels = np.array(data.labels("test")) if data.labelled else np.zeros(len(points), int)
        alone = codes.shape[1] == 2 and not position_bits(stack)
        decoded = wide_grid(stack, codes) if alone else None
        return Plane(title, points, labels[: len(points)], data.classes, decoded, data.shape)

    @property
    def images(self) -> torch.Tensor:
        """Those images ``(images, features)`` in [0, 1]."""
        return to_unit(torch.from_numpy(self.data.inputs("test")[self.places]))


Page = Callable[[FigureInput], dict[str, Figure]]
"""Figures by file name; none where there is nothing to be seen."""


def pictures(shown: FigureInput, pages: Sequence[Page]) -> dict[str, Figure]:
    """The variant's figures by file name."""
    return dict(chain.from_iterable(page(shown).items() for page in pages))


def reconstructions(shown: FigureInput) -> dict[str, Figure]:
    """Images, their reconstructions, and PCA's of the same size where that is something else."""
    stack, pca = shown.measured.stack, shown.case.baseline.solved
    rows = {"original": shown.images.numpy(), shown.name: _restored(stack, shown.images)}
    if pca and not is_linear(stack):
        rows[f"PCA, {pca.units} numbers"] = _restored(pca, shown.images)
    return {"reconstructions": plots.reconstructions(rows, shown.data.shape, shown.greys)}


def codes(shown: FigureInput) -> dict[str, Figure]:
    """The codes in a plane, coloured by class if there are any."""
    plane = shown.plane
    title = f"{shown.name}: {plane.title}"
    return {"codes": plots.scatter(plane.points, plane.labels, plane.classes, title)}


def learning(shown: FigureInput) -> dict[str, Figure]:
    """Learning curves, where something was learned."""
    learned = LearningCurve.read(shown.case.curve).columns
    return {"learning_curves": plots.learning_curves({shown.name: learned})} if learned else {}


PAGES: tuple[Page, ...] = (reconstructions, codes, learning)


def embedding(codes: NDArray[Any], what: str = "images") -> tuple[NDArray[Any], str]:
    """Points ``(examples, 2)`` to draw: codes of one or two numbers, t-SNE of some longer ones.

    Their title says how many of ``what`` they are. t-SNE runs on one core: on so few points more
    of them mostly wait for each other, and sums in another order would be another picture. Codes
    that are all alike are one point: the start by PCA, scikit-learn's own, would divide by 0.
    """
    size = codes.shape[1]
    if size <= 2:
        points = np.pad(codes[:PLOTTED], ((0, 0), (0, 2 - size)))
        return points, f"{size}-D codes of {len(points):,} test {what}"
    part = codes[:TSNE_EXAMPLES].astype(np.float32, copy=False)
    title = f"t-SNE of the codes of {len(part):,} test {what}"
    if len(part) < 2:
        return np.zeros((len(part), 2)), title
    with threadpool_limits(1):
        start = PCA(2, random_state=0).fit_transform(part)
        if not (spread := start[:, 0].std()) > 0:
            return np.zeros_like(start), f"{title}, all alike"
        start = start / spread * START
        tsne = TSNE(
            random_state=0, init=start, perplexity=min(30, len(part) / 4), max_iter=TSNE_STEPS
        )
        return tsne.fit_transform(part), title


def _restored(stack: Stack, images: torch.Tensor) -> NDArray[Any]:
    return reconstruct(stack, images).clamp(0, 1).numpy()
