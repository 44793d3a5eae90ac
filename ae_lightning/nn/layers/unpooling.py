"""Unpooling and deconvolution: three ways from a pooled image back to the size of the input.

Legend: pooled ``(batch, maps, height / pool, width / pool)``; positions of the same shape, indices
into ``height * width``; weight ``(maps, channels, kernel, kernel)`` with an odd kernel; bias
``(channels,)``; outputs are images ``(batch, channels, height, width)``. A deconvolution is a
convolution with reversed kernels and zeros around the image.
"""

from collections.abc import Callable
from typing import Annotated

from torch import Tensor
from torch.nn import functional as F

from ae_lightning.config.layers import UnpoolingName
from ae_lightning.errors import UserError
from ae_lightning.registry import NamedBy

Unpooling = Callable[[Tensor, Tensor | None, Tensor, Tensor, int], Tensor]
"""(pooled, positions, weight, bias, pool) to the image: unpooling and deconvolution."""


def switches(
    pooled: Tensor, positions: Tensor | None, weight: Tensor, bias: Tensor, pool: int
) -> Tensor:
    """Put each value back where the maximum was, zeros elsewhere (Zeiler & Fergus 2014, Fig. 1).

    Raises:
        UserError: without positions.
    """
    if positions is None:
        raise UserError(
            "unpooling with switches needs the positions of the maxima, which a bare code does not "
            "have; reconstruct from the input, or use unpooling repeat or transposed"
        )
    unpooled = F.max_unpool2d(pooled, positions, (pool, pool))
    return F.conv_transpose2d(unpooled, weight, bias, padding=weight.shape[-1] // 2)


def repeat(
    pooled: Tensor, positions: Tensor | None, weight: Tensor, bias: Tensor, pool: int
) -> Tensor:
    """Repeat each value over its window, as Keras' UpSampling2D.

    A value that is repeated meets the sum of the kernel's shifts over the window: one strided
    deconvolution with that sum never builds the larger image.
    """
    shifts = F.avg_pool2d(F.pad(weight, (pool - 1,) * 4), pool, stride=1, divisor_override=1)
    return F.conv_transpose2d(pooled, shifts, bias, stride=pool, padding=weight.shape[-1] // 2)


def transposed(
    pooled: Tensor, positions: Tensor | None, weight: Tensor, bias: Tensor, pool: int
) -> Tensor:
    """Learn the unpooling: a strided deconvolution, where each value stands amid zeros."""
    excess = weight.shape[-1] - pool
    odd = excess % 2
    return F.conv_transpose2d(
        pooled, weight, bias, stride=pool, padding=(excess + odd) // 2, output_padding=odd
    )


UNPOOLINGS: Annotated[dict[UnpoolingName, Unpooling], NamedBy(values=("unpooling",))] = {
    "switches": switches,
    "repeat": repeat,
    "transposed": transposed,
}
