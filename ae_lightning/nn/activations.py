"""Activations by name: the table that layers and their configuration share."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def linear(x: Tensor) -> Tensor:
    """Return ``x`` itself: the activation of code layers and of PCA."""
    return x


Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Activation] = {
    "linear": linear,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "elu": F.elu,
}
