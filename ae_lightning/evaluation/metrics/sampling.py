"""Helpers of the claims' metrics: test images in memory, seeded noise, passes in chunks."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.evaluation.image_scores import EncodedImages
from ae_lightning.nn.stack import Stack

CHUNK = 1000
DRAWN = 10


def one_of_each(data: PreparedDataset) -> NDArray[np.intp]:
    """Indices of the test images in figures: the first of each class, without labels the first.

    They are ten at most, of classes evenly spread over all.
    """
    if data.labelled:
        places = np.unique(data.labels("test"), return_index=True)[1]
    else:
        places = np.arange(min(DRAWN, len(data.inputs("test"))))
    evenly = np.linspace(0, len(places) - 1, min(DRAWN, len(places))).round().astype(int)
    chosen: NDArray[np.intp] = places[evenly]
    return chosen


def first_images(measured: EncodedImages, count: int) -> Tensor:
    """The first ``count`` test images, ``(images, features)`` in [0, 1]."""
    return to_unit(torch.from_numpy(np.array(measured.data.inputs("test")[:count])))


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Draw the same numbers from torch's generator on the CPU each time, and leave it as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@torch.inference_mode()
def reconstruct(stack: Stack, x: Tensor) -> Tensor:
    """Reconstructions of ``x`` ``(images, features)``, a chunk at a time."""
    return torch.cat([stack(chunk) for chunk in x.split(CHUNK)])


def sse(output: Tensor, target: Tensor) -> float:
    """Squared error summed over an image's values, averaged over images ``(images, features)``."""
    return float((output - target).square().sum(1).mean())


def ratio(value: float, unit: float) -> float:
    """``value / unit``; 0 where the unit is 0, as JSON has no number for it."""
    return value / unit if unit else 0.0


def position_bits(stack: Stack) -> float:
    """Bits an example that bypass the code; 0 if the decoder needs the code alone."""
    return sum(getattr(spec, "position_bits", 0.0) for spec in stack.specs)
