"""The pictures that show a claim: what the first layer looks for, what is mended and made up."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.evaluation import galleries
from ae_lightning.evaluation.examples import reconstruct
from ae_lightning.evaluation.generation import grids, nearest
from ae_lightning.evaluation.robustness import corrupted
from ae_lightning.evaluation.scores import Measured
from ae_lightning.nn.corruption import CORRUPTIONS

STRENGTH = 0.3
SAMPLES = 10
TITLES = {"own": "codes' own range", "box": "box from -2 to 2"}


def claim_pictures(name: str, measured: Measured, images: torch.Tensor) -> dict[str, Figure]:
    """Figures by file name; ``images`` ``(images, features)`` in [0, 1] are those to be spoilt."""
    drawn = (picture(name, measured, images) for picture in PICTURES)
    return dict(chain.from_iterable(part.items() for part in drawn))


def filters(name: str, measured: Measured, images: torch.Tensor) -> dict[str, Figure]:
    """The first layer's filters."""
    weights = galleries.first_filters(measured.stack, measured.data.shape)
    return {"filters": galleries.filters(weights, f"{name}, first layer")}


def corruption(name: str, measured: Measured, images: torch.Tensor) -> dict[str, Figure]:
    """Images corrupted in every way and what is made of them."""
    rows = {}
    for kind in CORRUPTIONS:
        spoilt = corrupted(images, kind, STRENGTH)
        mended = reconstruct(measured.stack, spoilt).clamp(0, 1)
        rows[f"{kind}, strength {STRENGTH}"] = (spoilt.numpy(), mended.numpy())
    return {"corruption": galleries.corruption_gallery(rows, measured.data.shape, images.numpy())}


def generated(name: str, measured: Measured, images: torch.Tensor) -> dict[str, Figure]:
    """What the decoder makes of the plane, and the training images nearest to some of it."""
    if not (decoded := grids(measured)):
        return {}
    shape = measured.data.shape
    plane = galleries.decoder_grids(
        [grid.images.reshape(*grid.images.shape[:2], *shape) for grid in decoded.values()],
        [TITLES[key] for key in decoded],
        [grid.corners for grid in decoded.values()],
    )
    samples = torch.from_numpy(_diagonal(decoded["box"].images))
    found = nearest(measured, samples)
    beside = galleries.samples_nearest(
        samples.numpy(), found.images.numpy(), found.distances.numpy(), shape
    )
    return {"decoder_grid": plane, "nearest": beside}


def _diagonal(images: NDArray[Any]) -> NDArray[Any]:
    """Images ``(samples, features)`` along the diagonal of a square grid, evenly."""
    places = np.linspace(0, len(images) - 1, min(SAMPLES, len(images))).round().astype(int)
    chosen: NDArray[Any] = images[places, places]
    return chosen


PICTURES: tuple[Callable[[str, Measured, torch.Tensor], dict[str, Figure]], ...] = (
    filters,
    corruption,
    generated,
)
