"""Penalties that a training adds to its loss, each a mean over the batch.

Legend: ``x`` (batch, features) the encoder's input, ``code`` (batch, code) its output.
"""

from collections.abc import Callable
from typing import Annotated

from torch import Tensor

from ae_lightning.nn.jacobian import contractive
from ae_lightning.nn.stack import Stack
from ae_lightning.registry import NamedBy


def l1(code: Tensor) -> Tensor:
    """Absolute values of a code summed, averaged over the batch (scalar)."""
    return code.float().abs().sum(1).mean()


def l2(code: Tensor) -> Tensor:
    """Squares of a code summed, averaged over the batch (scalar)."""
    return code.float().square().sum(1).mean()


PENALTIES: Annotated[
    dict[str, Callable[[Stack, Tensor, Tensor], Tensor]],
    NamedBy(switches=("l1", "l2", "contractive")),
] = {
    "l1": lambda stack, x, code: l1(code),
    "l2": lambda stack, x, code: l2(code),
    "contractive": contractive,
}
