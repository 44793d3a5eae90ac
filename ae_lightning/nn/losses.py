"""Reconstruction losses, each a sum over features averaged over the batch.

Legend: ``logits`` (batch, features) outputs before their activation, ``target`` (batch, features).
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from ae_lightning.nn.activations import Activation


def squared_error(logits: Tensor, target: Tensor, output: Activation) -> Tensor:
    """Squared error summed over an example's features, averaged over the batch (scalar)."""
    return (output(logits.float()) - target).square().sum(1).mean()


def cross_entropy(logits: Tensor, target: Tensor, output: Activation) -> Tensor:
    """Bernoulli cross-entropy in nats for targets in [0, 1]; needs sigmoid outputs (scalar)."""
    total = F.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum")
    return total / len(target)


LOSSES: dict[str, Callable[[Tensor, Tensor, Activation], Tensor]] = {
    "squared-error": squared_error,
    "cross-entropy": cross_entropy,
}

MATCHING = {"sigmoid": "cross-entropy"}
"""Output activation to the loss whose gradient at the logits is output - target."""


def resolve_loss(name: str, output: str) -> str:
    """Name in :data:`LOSSES` for a configured loss and the output activation's name.

    Raises:
        ValueError: if cross-entropy is asked for outputs that are no probabilities.
    """
    if name == "matching":
        return MATCHING.get(output, "squared-error")
    if name == "cross-entropy" and output != "sigmoid":
        raise ValueError(
            f"train.loss: cross-entropy needs sigmoid outputs, found {output!r}; "
            "use squared-error or output: sigmoid"
        )
    return name
