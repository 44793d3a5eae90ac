"""Convolutional autoencoder layers: convolution and pooling down, unpooling and deconvolution up.

Masci et al., "Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction" (2011).
"""

from math import log2
from typing import Literal, Self

import torch
from pydantic import PositiveInt, ValidationError, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ae_lightning.config.layers import ActivationName, OutputName, UnpoolingName
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.base import AutoencoderLayer, LayerOutput, Spec
from ae_lightning.nn.layers.unpooling import UNPOOLINGS

Shape = tuple[PositiveInt, PositiveInt, PositiveInt]


class ConvSpec(Spec):
    """Shape of a convolutional layer; ``shape`` is its input's (channels, height, width).

    Flat features are ordered by pixel, then channel: (height, width, channels). Convolutions on a
    CPU are fastest in that order, and layers on top of each other never reorder what they pass:
    a training step takes half the time that (channels, height, width) would.
    """

    kind: Literal["conv"] = "conv"
    shape: Shape
    maps: PositiveInt
    kernel: PositiveInt
    pool: PositiveInt
    unpooling: UnpoolingName

    @classmethod
    def of(
        cls,
        shape: Shape,
        maps: int,
        *,
        kernel: int,
        pool: int,
        unpooling: UnpoolingName,
        activation: ActivationName,
        output: OutputName,
    ) -> Self:
        """The spec with the inputs and units that its shape entails.

        Raises:
            UserError: if kernel or pool do not suit the shape; the line begins with the field.
        """
        channels, height, width = shape
        try:
            return cls(
                shape=shape,
                maps=maps,
                kernel=kernel,
                pool=pool,
                unpooling=unpooling,
                activation=activation,
                output=output,
                inputs=channels * height * width,
                units=maps * (height // pool) * (width // pool),
            )
        except ValidationError as error:
            raise UserError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        channels, height, width = self.shape
        maps, rows, columns = self.image
        if height % self.pool or width % self.pool:
            raise ValueError(
                f"pool: must divide the image's height and width, found {self.pool} for "
                f"{height} x {width}; use a divisor of both"
            )
        if self.kernel % 2 == 0:
            raise ValueError(
                f"kernel: must be odd to keep the image's size, found {self.kernel}; "
                f"use {self.kernel - 1} or {self.kernel + 1}"
            )
        if self.unpooling == "transposed" and self.kernel < self.pool:
            raise ValueError(
                f"kernel: unpooling transposed must reach every pixel, found {self.kernel} for "
                f"pool {self.pool}; use a kernel that is no smaller than the pool"
            )
        right = (channels * height * width, maps * rows * columns)
        if (self.inputs, self.units) != right:
            raise ValueError(
                f"inputs and units: must be {right[0]} and {right[1]} for this shape, maps and "
                f"pool, found {self.inputs} and {self.units}; correct them"
            )
        return self

    @property
    def image(self) -> tuple[int, int, int]:
        """(maps, height, width) of the code: the ``shape`` of a convolutional layer on top."""
        return self.maps, self.shape[1] // self.pool, self.shape[2] // self.pool

    @property
    def position_bits(self) -> float:
        """Bits per example that bypass the code: where in its window each maximum was."""
        return self.units * log2(self.pool**2) if self.unpooling == "switches" else 0.0


class ConvLayer(AutoencoderLayer):
    """Convolution, max-pooling, activation; back by unpooling, deconvolution, output.

    Pooling comes before the activation, which then has ``pool**2`` times fewer values to work on;
    switches point at the maximum of what the convolution gives. Wherever the activation increases
    the order makes no difference.
    """

    spec: ConvSpec
    spec_class = ConvSpec

    def __init__(self, spec: ConvSpec) -> None:
        super().__init__(spec)
        channels, window = spec.shape[0], spec.kernel**2
        self.encoder = nn.Conv2d(channels, spec.maps, spec.kernel, padding=spec.kernel // 2)
        self.decoder_weight = nn.Parameter(
            torch.empty(spec.maps, channels, spec.kernel, spec.kernel)
        )
        self.decoder_bias = nn.Parameter(torch.zeros(channels))
        # Repeating fills every place that a kernel sees, the others one in pool**2.
        filled = 1.0 if spec.unpooling == "repeat" else spec.pool**-2
        nn.init.normal_(self.encoder.weight, std=(channels * window) ** -0.5)
        nn.init.normal_(self.decoder_weight, std=(spec.maps * window * filled) ** -0.5)
        assert self.encoder.bias is not None
        nn.init.zeros_(self.encoder.bias)

    @property
    def visible_bias(self) -> Tensor:
        """The deconvolution's biases ``(channels,)``."""
        return self.decoder_bias

    def bias_mean(self, mean: Tensor) -> Tensor:
        """The mean input ``(inputs,)`` averaged over each channel: ``(channels,)``."""
        return mean.view(-1, self.spec.shape[0]).mean(0)

    def trace(self, x: Tensor) -> LayerOutput:
        """Codes ``(batch, units)``; the maxima's positions for unpooling with switches."""
        maps = self.encoder(_images(x, self.spec.shape))
        pooled, positions = F.max_pool2d(maps, self.spec.pool, return_indices=True)
        code = _flat(self.activation(pooled))
        return LayerOutput(code, positions if self.spec.unpooling == "switches" else None)

    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """Codes ``(batch, units)`` to outputs before their activation ``(batch, inputs)``.

        Raises:
            UserError: for unpooling with switches without positions.
        """
        unpool = UNPOOLINGS[self.spec.unpooling]
        pooled = _images(code, self.spec.image)
        return _flat(
            unpool(pooled, side_info, self.decoder_weight, self.decoder_bias, self.spec.pool)
        )


def _images(flat: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """``(batch, height * width * channels)`` as ``(batch, channels, height, width)``, no copy."""
    channels, height, width = shape
    return flat.unflatten(1, (height, width, channels)).permute(0, 3, 1, 2)


def _flat(images: Tensor) -> Tensor:
    """The reverse of :func:`_images`; no copy for a convolution's output on its result."""
    return images.permute(0, 2, 3, 1).flatten(1)
