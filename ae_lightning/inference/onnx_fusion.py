"""Constant folding of nets for ONNX files."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.nn.layers.base import AutoencoderLayer
from ae_lightning.nn.layers.conv import ConvLayer
from ae_lightning.nn.stack import Stack


class FusedRepeat(ConvLayer):
    """A convolutional layer that unpools by repeating, its kernels summed up beforehand.

    :func:`ae_lightning.nn.layers.unpooling.repeat` sums shifted kernels by ``avg_pool2d`` with a
    divisor of 1, which torch's exporter passes over (2.14: decoders were wrong by tenths). Here the
    sum is a constant, and the unpooling one strided deconvolution, which is faster, too.
    """

    shifts: Tensor

    @classmethod
    def of(cls, layer: ConvLayer) -> "FusedRepeat":
        """The same as ``layer``, with copies of its parameters."""
        new = cls(layer.spec)
        new.load_state_dict(layer.state_dict())
        pool, weight = layer.spec.pool, layer.decoder_weight.detach()
        kernel = weight.shape[-1] + pool - 1
        sums = torch.zeros(*weight.shape[:2], kernel, kernel)
        for down in range(pool):
            for right in range(pool):
                room = (right, pool - 1 - right, down, pool - 1 - down)
                sums += F.pad(weight, room)
        new.register_buffer("shifts", sums)
        return new

    def decode_logits(self, code: Tensor, side_info: Tensor | None = None) -> Tensor:
        """Codes ``(batch, units)`` to outputs before their activation ``(batch, inputs)``."""
        maps, rows, columns = self.spec.image
        pooled = code.unflatten(1, (rows, columns, maps)).permute(0, 3, 1, 2)
        padding = self.decoder_weight.shape[-1] // 2
        images = F.conv_transpose2d(
            pooled, self.shifts, self.decoder_bias, stride=self.spec.pool, padding=padding
        )
        return images.permute(0, 2, 3, 1).flatten(1)


def fuse(stack: Stack) -> Stack:
    """The same net with its constants folded; other layers are shared."""
    return Stack([_fuse(layer) for layer in stack.layers], stack.first)


def _fuse(layer: AutoencoderLayer) -> AutoencoderLayer:
    if isinstance(layer, ConvLayer) and layer.spec.unpooling == "repeat":
        return FusedRepeat.of(layer)
    return layer
