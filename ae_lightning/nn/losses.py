"""Reconstruction losses, each a sum over features averaged over the batch.

Legend: ``logits`` (batch, features) outputs before their activation, ``target`` (batch, features).
"""

from collections.abc import Callable
from typing import Annotated

from torch import Tensor
from torch.nn import functional as F

from ae_lightning.nn.activations import Activation
from ae_lightning.registry import NamedBy


def squared_error(logits: Tensor, target: Tensor, output: Activation) -> Tensor:
    """Squared error summed over an example's features, averaged over the batch (scalar)."""
    return (output(logits.float()) - target).square().sum(1).mean()


def cross_entropy(logits: Tensor, target: Tensor, output: Activation) -> Tensor:
    """Bernoulli cross-entropy in nats for targets in [0, 1]; needs sigmoid outputs (scalar)."""
    total = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
    return total / len(target)


def multinomial(logits: Tensor, target: Tensor, output: Activation) -> Tensor:
    """``-sum_i p_i ln q_i`` in nats for a distribution ``p`` (target) and softmax outputs ``q``.

    The loss of the document autoencoder in Hinton & Salakhutdinov (2006), supporting text.
    """
    return -(target * F.log_softmax(logits.float(), dim=1)).sum(1).mean()


LOSSES: Annotated[
    dict[str, Callable[[Tensor, Tensor, Activation], Tensor]],
    NamedBy(
        values=("train.loss", "output", "activation"),
        also={"sigmoid": ("cross-entropy",), "softmax": ("multinomial",)},
        always=("squared-error",),
    ),
] = {
    "squared-error": squared_error,
    "cross-entropy": cross_entropy,
    "multinomial": multinomial,
}

MATCHING = {"sigmoid": "cross-entropy", "softmax": "multinomial"}
"""Output activation to the loss whose gradient at the logits is output - target."""


def resolve_loss(name: str, output: str) -> str:
    """Name in :data:`LOSSES` for a configured loss and the output activation's name.

    Raises:
        ValueError: if a loss is asked for outputs that it has no meaning for.
    """
    if name == "matching":
        return MATCHING.get(output, "squared-error")
    needed = {loss: activation for activation, loss in MATCHING.items()}.get(name, output)
    if output != needed:
        raise ValueError(
            f"train.loss: {name} needs {needed} outputs, found {output!r}; "
            f"use squared-error or output: {needed}"
        )
    return name
