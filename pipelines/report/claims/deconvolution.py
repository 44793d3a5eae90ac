"""Claim: deconvolution is convolution with the weights reversed and zeros put between."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

EXAMPLES, INPUTS, OUTPUTS, SIDE = 2, 3, 4, 6


class Shape(NamedTuple):
    """A deconvolution: its window, and how the output's size follows from the input's."""

    kernel: int
    stride: int
    padding: int
    output_padding: int


SHAPES = (
    Shape(3, 1, 1, 0),
    Shape(2, 2, 0, 0),
    Shape(4, 2, 1, 0),
    Shape(5, 2, 2, 1),
    Shape(5, 3, 1, 2),
)


def by_convolution(images: Tensor, weight: Tensor, shape: Shape) -> Tensor:
    """The result of ``conv_transpose2d``, computed by ``conv2d``.

    ``images`` ``(batch, inputs, height, width)`` get ``stride - 1`` zeros between neighbours and
    zeros around; ``weight`` ``(inputs, outputs, kernel, kernel)`` is reversed in both directions.
    """
    batch, channels, height, width = images.shape
    size = [(side - 1) * shape.stride + 1 for side in (height, width)]
    spread = images.new_zeros(batch, channels, *size)
    spread[:, :, :: shape.stride, :: shape.stride] = images
    before = shape.kernel - 1 - shape.padding
    after = before + shape.output_padding
    padded = F.pad(spread, (before, after, before, after))
    return F.conv2d(padded, weight.flip(2, 3).transpose(0, 1))


def largest_differences(seed: int = 0) -> list[float]:
    """Differences of both on random tensors, relative to the largest output, per ``SHAPES``."""
    random = torch.Generator().manual_seed(seed)
    return [_difference(shape, random) for shape in SHAPES]


def _difference(shape: Shape, random: torch.Generator) -> float:
    images = torch.randn(EXAMPLES, INPUTS, SIDE, SIDE, generator=random, dtype=torch.float64)
    window = (INPUTS, OUTPUTS, shape.kernel, shape.kernel)
    weight = torch.randn(window, generator=random, dtype=torch.float64)
    direct = F.conv_transpose2d(
        images,
        weight,
        stride=shape.stride,
        padding=shape.padding,
        output_padding=shape.output_padding,
    )
    difference = by_convolution(images, weight, shape) - direct
    return float(difference.abs().max() / direct.abs().max())
