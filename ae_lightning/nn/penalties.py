"""Penalties that a training adds to its loss, each a mean over the batch."""

from typing import Annotated

from torch import Tensor

from ae_lightning.nn.jacobian import contractive
from ae_lightning.nn.terms import Value
from ae_lightning.registry import NamedBy


def l1(code: Tensor) -> Tensor:
    """Absolute values of a code ``(batch, code)`` summed, averaged over the batch (scalar)."""
    return code.float().abs().sum(1).mean()


def l2(code: Tensor) -> Tensor:
    """Squares of a code ``(batch, code)`` summed, averaged over the batch (scalar)."""
    return code.float().square().sum(1).mean()


PENALTIES: Annotated[dict[str, Value], NamedBy(switches=("l1", "l2", "contractive"))] = {
    "l1": lambda output, context: l1(output.code),
    "l2": lambda output, context: l2(output.code),
    "contractive": lambda output, context: contractive(context.stack, context.x, output.code),
}
