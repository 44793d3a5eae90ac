"""Restricted Boltzmann machines: a tied layer seen as a model of its inputs.

Legend: ``v`` visible (batch, inputs) in [0, 1], ``h`` hidden (batch, units), ``W`` (units, inputs)
``= encoder.weight``, ``b`` ``= encoder.bias``, ``c`` ``= decoder_bias``. The machine's energy is
``E(v, h) = -c.v - b.h - h.Wv``, plus ``|h|^2 / 2`` where hidden units are Gaussian, so that
``encode`` gives the mean of ``P(h|v)`` and ``decode`` that of ``P(v|h)``.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.distributed.global_batch import jointly
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec, TiedLayer


class HiddenUnit(NamedTuple):
    """A kind of hidden unit, by functions of its input ``a = W v + b`` (batch, units).

    ``log_partition`` is ``log sum_h exp(h.a)`` (an integral of ``exp(h.a - |h|^2 / 2)`` if
    Gaussian), of shape ``(batch,)``; ``sample`` draws from ``P(h|v)``, of the shape of ``a``.
    """

    log_partition: Callable[[Tensor], Tensor]
    sample: Callable[[Tensor], Tensor]


def bernoulli(probabilities: Tensor) -> Tensor:
    """Zeros and ones of the shape of ``probabilities`` (fp32), from torch's global generator.

    ``torch.bernoulli`` draws doubles one by one, which took three times as long on a CPU.
    """
    return (torch.rand_like(probabilities) < probabilities).to(probabilities.dtype)


def binary_log_partition(a: Tensor) -> Tensor:
    """``sum_j log(1 + exp(a_j))``, of shape ``(batch,)``."""
    return F.softplus(a).sum(1)


def binary_sample(a: Tensor) -> Tensor:
    """Zeros and ones, one with probability ``sigmoid(a)``."""
    return bernoulli(torch.sigmoid(a))


def gaussian_log_partition(a: Tensor) -> Tensor:
    """``|a|^2 / 2 + units / 2 log(2 pi)``, of shape ``(batch,)``."""
    return a.square().sum(1) / 2 + a.shape[1] / 2 * math.log(2 * math.pi)


def gaussian_sample(a: Tensor) -> Tensor:
    """``a`` with unit-variance noise, as Hinton & Salakhutdinov's code layer."""
    return a + torch.randn_like(a)


HIDDEN = {
    "sigmoid": HiddenUnit(binary_log_partition, binary_sample),
    "linear": HiddenUnit(gaussian_log_partition, gaussian_sample),
}
"""Activation of a layer to the hidden units whose mean it gives."""


def hidden_units(layer: TiedLayer) -> HiddenUnit:
    """The hidden units of ``layer``.

    Raises:
        UserError: if its activations are not those of a machine.
    """
    spec = layer.spec
    if spec.activation not in HIDDEN or spec.output != "sigmoid":
        raise UserError(
            "Boltzmann machine: needs sigmoid or linear activation and sigmoid output, found "
            f"{spec.activation} and {spec.output}; a layer on top of it reconstructs its activation"
        )
    return HIDDEN[spec.activation]


def free_energy(layer: TiedLayer, visible: Tensor) -> Tensor:
    """``F(v) = -log sum_h exp(-E(v, h))``, of shape ``(batch,)``, summed in full precision.

    Hinton (2010), "A practical guide to training restricted Boltzmann machines", section 16.1.
    Binary hidden units: ``-c.v - sum_j softplus(Wv + b)_j``. Gaussian ones, the sum being an
    integral: ``-c.v - |Wv + b|^2 / 2 - units / 2 log(2 pi)``.
    """
    a = layer.encoder(visible).float()
    # A product of vectors would be rounded to bf16 under autocast.
    return -(visible * layer.decoder_bias).sum(1) - hidden_units(layer).log_partition(a)


@torch.no_grad()
def sample_hidden(layer: TiedLayer, visible: Tensor) -> Tensor:
    """Draw ``h`` (batch, units) from ``P(h|v)``, with torch's global generator."""
    return jointly(hidden_units(layer).sample, layer.encoder(visible).float())


@torch.no_grad()
def gibbs(layer: TiedLayer, visible: Tensor, steps: int, *, binary: bool = False) -> Tensor:
    """Go ``steps`` times from ``v`` to a sampled ``h`` and back; returns ``v`` (batch, inputs).

    Visible units are probabilities (Hinton 2010, section 3.2), or sampled if ``binary``: only such
    a chain has the machine's own distribution as its limit.
    """
    for _ in range(steps):
        visible = layer.decode(sample_hidden(layer, visible)).float()
        visible = jointly(bernoulli, visible) if binary else visible
    return visible


def contrastive_divergence(
    layer: TiedLayer, visible: Tensor, steps: int, *, binary: bool = False
) -> Tensor:
    """Free energy of the data less that of the chains that begin at them, averaged (scalar).

    A step down its gradient is the CD-k update, with ``P(h|v)`` and not samples in both phases:
    ``dL/dW = <E[h|v] v^T>_chain - <E[h|v] v^T>_data`` and so on (Hinton 2002, "Training products of
    experts by minimizing contrastive divergence"; Hinton & Salakhutdinov 2006, supporting
    material). Its value measures no progress: it is near 0 for a slowly mixing machine, too.
    """
    model = gibbs(layer, visible, steps, binary=binary)
    return (free_energy(layer, visible) - free_energy(layer, model)).mean()


@torch.no_grad()
def unroll(layer: TiedLayer) -> DenseLayer:
    """A dense layer of the same function, with copies: its decoder's matrix is free of ``W``.

    Hinton & Salakhutdinov (2006), Fig. 1.
    """
    unrolled = DenseLayer(DenseSpec.model_validate(layer.spec.model_dump() | {"kind": "dense"}))
    unrolled.encoder.load_state_dict(layer.encoder.state_dict())
    unrolled.decoder.weight.copy_(layer.encoder.weight.T)
    unrolled.decoder.bias.copy_(layer.decoder_bias)
    return unrolled
