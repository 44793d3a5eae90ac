"""Training on augmented copies of images: reconstruct the original, contrast the codes.

A training batch ``(batch, copies + 1, features)`` holds the image and its copies, a validation
batch the images alone.
"""

from torch import Tensor

from ae_lightning.config.layers import Objective
from ae_lightning.nn.contrastive import contrastive_loss
from ae_lightning.nn.stack import ForwardOutput, Stack
from ae_lightning.nn.terms import LossContext, Term


def copy_and_original(
    stack: Stack, batch: Tensor, item: Objective, training: bool
) -> tuple[Tensor, Tensor]:
    """A copy and its original, both ``(batch, features)``; in validation the same."""
    if not training:
        return batch, stack.target(batch)
    return batch[:, 1], stack.target(batch[:, 0])


def agreement(item: Objective) -> list[Term]:
    """The contrastive loss of both copies' codes, where it is asked for.

    Codes of all ranks are compared, so that it does not depend on their number.
    """
    views = item.views
    if views is None or not views.agreement:
        return []

    def contrast(output: ForwardOutput, context: LossContext) -> Tensor:
        codes = output.code, context.stack.encode(context.batch[:, 2])
        first, second = map(context.gathered, codes)
        return contrastive_loss(first, second, views.temperature)

    return [Term(views.agreement, contrast)]
