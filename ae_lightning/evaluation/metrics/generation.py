"""Claims: a decoder alone generates images from 2-D codes, and the code's axes have a meaning."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.data.sampler import to_unit
from ae_lightning.evaluation.image_scores import EncodedImages, Metrics
from ae_lightning.evaluation.metrics.image_moments import hole_area, slant
from ae_lightning.evaluation.metrics.sampling import first_images, position_bits
from ae_lightning.evaluation.metrics.stability import BOX
from ae_lightning.nn.stack import Stack

SIDE = 20
PERCENTILES = (1, 99)
REFERENCES = 1000
CHUNK = 5000
CONSTANT = 1e-9

Floats = NDArray[np.floating[Any]]
SHAPES = {"slant": slant, "hole": hole_area}


class Grid(NamedTuple):
    """An even grid over the plane of 2-D codes, decoded.

    ``codes`` is ``(rows, columns, 2)``: the first number grows with the column, the second with
    the row. ``images`` is ``(rows, columns, features)``.
    """

    codes: Floats
    images: Floats

    @property
    def corners(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """First and last value of the first number, then of the second."""
        (a, b), (c, d) = self.codes[0, 0], self.codes[-1, -1]
        return (float(a), float(c)), (float(b), float(d))


class NearestImages(NamedTuple):
    """Nearest training images ``(queries, features)`` and their distances ``(queries,)``."""

    images: Tensor
    distances: Tensor


def grids(measured: EncodedImages) -> dict[str, Grid]:
    """Decoded grids of 20 by 20 codes; none for other than 2-D codes that can be decoded alone.

    ``own`` reaches from the 1st to the 99th percentile of each number of the test codes, ``box``
    from -2 to 2 in both.
    """
    codes = measured.codes["test"]
    if codes.shape[1] != 2 or position_bits(measured.stack):
        return {}
    ranges = {
        "own": np.percentile(codes, PERCENTILES, axis=0),
        "box": np.array([[-BOX, -BOX], [BOX, BOX]]),
    }
    return {name: grid(measured.stack, ends) for name, ends in ranges.items()}


@torch.inference_mode()
def grid(stack: Stack, ends: Floats, side: int = SIDE) -> Grid:
    """Decode ``side`` by ``side`` codes between ``ends`` ``(2, 2)``: lowest, then highest code."""
    first, second = np.linspace(ends[0], ends[1], side).T
    codes = np.stack(np.meshgrid(first, second), axis=-1).astype(np.float32)
    images = stack.decode(torch.from_numpy(codes.reshape(-1, 2))).numpy()
    return Grid(codes, images.reshape(side, side, -1))


def nearest(measured: EncodedImages, queries: Tensor) -> NearestImages:
    """Find the training or validation image nearest (Euclidean) to each of ``queries``.

    Exact; ``queries`` is ``(queries, features)``.
    """
    closest = torch.full((len(queries),), torch.inf)
    found = torch.zeros_like(queries)
    for block in _blocks(measured):
        # Without the queries' own squares, which change no order.
        value, place = (block.square().sum(1) - 2 * queries @ block.T).min(1)
        nearer = value < closest
        closest[nearer] = value[nearer]
        found[nearer] = block[place[nearer]]
    return NearestImages(found, (queries - found).norm(dim=1))


def generation(measured: EncodedImages) -> Metrics:
    """``distance`` of decoded images to their nearest training image, mean over each grid.

    ``own`` and ``box`` are the grids of :func:`grids`; ``reference`` is the same distance for the
    first 1,000 test images, as far as real images lie from each other. {} without grids.
    """
    images = {name: torch.from_numpy(g.images).flatten(0, 1) for name, g in grids(measured).items()}
    if not images:
        return {}
    images["reference"] = first_images(measured, REFERENCES)
    distances = nearest(measured, torch.cat(list(images.values()))).distances
    parts = distances.split([len(part) for part in images.values()])
    return {
        name: {"distance": float(part.mean())} for name, part in zip(images, parts, strict=True)
    }


def axes(measured: EncodedImages) -> Metrics:
    """Correlation of each number of the code with slant and hole area, over the box's grid.

    {} without grids, or where images are not ``(height, width)``.
    """
    shape = measured.data.shape
    if not (drawn := grids(measured)) or len(shape) != 2:
        return {}
    codes, images = drawn["box"]
    shapes = {name: measure(images.reshape(-1, *shape)) for name, measure in SHAPES.items()}
    return {
        name: {of: correlation(codes[:, :, axis].ravel(), value) for of, value in shapes.items()}
        for axis, name in enumerate(("first", "second"))
    }


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's correlation of two series ``(n,)``; 0 if either is constant."""
    if min(first.std(), second.std()) < CONSTANT:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _blocks(measured: EncodedImages) -> Iterator[Tensor]:
    for split in ("train", "validation"):
        inputs = measured.data.inputs(split)
        for start in range(0, len(inputs), CHUNK):
            yield to_unit(torch.from_numpy(np.array(inputs[start : start + CHUNK])))
