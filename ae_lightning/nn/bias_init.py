"""Initial decoder biases: a zero code is decoded to the mean of the data."""

import torch
from torch import Tensor

from ae_lightning.nn.activations import Activation
from ae_lightning.nn.layers.base import AutoencoderLayer

# Where every activation of ours increases: GELU and SiLU have a dip below.
LOWEST, HIGHEST, HALVINGS = -0.75, 50.0, 40
RAREST = 1e-7
LOWEST_OF = {"sigmoid": -8.0, "tanh": -8.0, "linear": -50.0, "elu": -8.0}


@torch.no_grad()
def centre_decoder(layer: AutoencoderLayer, mean: Tensor) -> None:
    """Set the decoder's biases so that a zero code gives ``mean`` ``(inputs,)``.

    As for the visible units of a Boltzmann machine (Hinton 2010, "A practical guide", section 8.1).
    Without it most decoder units of an upper layer start, and stay, where GELU is flat.
    """
    value = layer.bias_mean(mean)
    if layer.spec.output == "softmax":
        bias = value.clamp(min=RAREST).log()  # not elementwise
    else:
        bias = _inverse(layer.output, value, LOWEST_OF.get(layer.spec.output, LOWEST))
    layer.visible_bias.copy_(bias)


def _inverse(activation: Activation, value: Tensor, lowest: float) -> Tensor:
    """Solve ``activation(x) = value`` by bisection; a value out of reach gets the nearest end."""
    low, high = torch.full_like(value, lowest), torch.full_like(value, HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = activation(middle) < value
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2
