"""Figures that show a claim: first-layer filters, denoised images, decoder samples."""

from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.evaluation.figures import galleries
from ae_lightning.evaluation.figures.image_pages import FigureInput, Page
from ae_lightning.evaluation.metrics.generation import grids, nearest
from ae_lightning.evaluation.metrics.robustness import corrupted
from ae_lightning.evaluation.metrics.sampling import reconstruct
from ae_lightning.nn.corruption import CORRUPTIONS

STRENGTH = 0.3
SAMPLES = 10
TITLES = {"own": "codes' own range", "box": "box from -2 to 2"}


def filters(shown: FigureInput) -> dict[str, Figure]:
    """The first layer's filters."""
    weights = galleries.first_filters(shown.measured.stack, shown.data.shape)
    return {"filters": galleries.filters(weights, f"{shown.name}, first layer")}


def corruption(shown: FigureInput) -> dict[str, Figure]:
    """Images corrupted in every way and their reconstructions."""
    rows = {}
    for kind in CORRUPTIONS:
        spoilt = corrupted(shown.images, kind, STRENGTH)
        mended = reconstruct(shown.measured.stack, spoilt).clamp(0, 1)
        rows[f"{kind}, strength {STRENGTH}"] = (spoilt.numpy(), mended.numpy())
    clean, shape = shown.images.numpy(), shown.data.shape
    return {"corruption": galleries.corruption_gallery(rows, shape, clean, shown.greys)}


def generated(shown: FigureInput) -> dict[str, Figure]:
    """Decoded grids of the plane, and decoder samples with their nearest training images."""
    if not (decoded := grids(shown.measured)):
        return {}
    shape = shown.data.shape
    plane = galleries.decoder_grids(
        [grid.images.reshape(*grid.images.shape[:2], *shape) for grid in decoded.values()],
        [TITLES[key] for key in decoded],
        [grid.corners for grid in decoded.values()],
        shown.greys,
    )
    samples = torch.from_numpy(_diagonal(decoded["box"].images))
    found = nearest(shown.measured, samples)
    pair = samples.numpy(), found.images.numpy()
    beside = galleries.samples_nearest(*pair, found.distances.numpy(), shape, shown.greys)
    return {"decoder_grid": plane, "nearest": beside}


def _diagonal(images: NDArray[Any]) -> NDArray[Any]:
    """Images ``(samples, features)`` along the diagonal of a square grid, evenly."""
    places = np.linspace(0, len(images) - 1, min(SAMPLES, len(images))).round().astype(int)
    chosen: NDArray[Any] = images[places, places]
    return chosen


CLAIM_PAGES: tuple[Page, ...] = (filters, corruption, generated)
