"""Activations by name: the table that layers and their configuration share."""

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.registry import NamedBy


def linear(x: Tensor) -> Tensor:
    """Return ``x`` itself: the activation of code layers and of PCA."""
    return x


def softmax(x: Tensor) -> Tensor:
    """Shares that sum to 1 over the last dimension: a distribution over words."""
    return F.softmax(x, dim=-1)


def binary(x: Tensor) -> Tensor:
    """-1 or 1 by the sign of ``x``, with the gradient of ``tanh``: a code of bits.

    A straight-through estimator (Bengio, Léonard & Courville 2013, section 4).
    """
    soft = torch.tanh(x)
    return soft + (torch.where(x < 0, -1.0, 1.0) - soft).detach()


def unit(x: Tensor) -> Tensor:
    """Rows of ``x`` (batch, features) scaled to a root mean square of 1; rows of 0 stay.

    Only a row's direction counts, and a layer gets numbers of the size it is made for.
    """
    return F.normalize(x, dim=1) * x.shape[1] ** 0.5


Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: Annotated[
    dict[str, Activation],
    NamedBy(values=("activation", "code_activation", "output"), always=("linear",)),
] = {
    "linear": linear,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "elu": F.elu,
    "binary": binary,
    "unit": unit,
}

OF_ROWS = ("unit",)
"""Non-elementwise activations: a unit's output depends on the other units, too."""

OUTPUTS: Annotated[dict[str, Activation], NamedBy(values=("output",))] = {
    **ACTIVATIONS,
    "softmax": softmax,
}
"""Output activations, including non-elementwise ones (softmax)."""
