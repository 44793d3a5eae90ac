"""Training on augmented copies of images: reconstruct the original, contrast the codes."""

from functools import partial

from torch import Tensor

from ae_lightning.config.layers import Views
from ae_lightning.distributed.global_batch import whole_batch
from ae_lightning.nn.contrastive import contrastive_loss
from ae_lightning.nn.stack import Stack
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit


class ViewReconstruction(Reconstruction):
    """Reconstruct an image from an augmented copy; a second copy's code should match the first's.

    A training batch ``(batch, copies + 1, features)`` holds the image and its copies, a validation
    batch the images alone.
    """

    def __init__(self, stack: Stack, how: Fit) -> None:
        super().__init__(stack, how)
        assert how.views is not None
        self.views: Views = how.views

    def example(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """A copy and its original, both ``(batch, features)``; in validation the same."""
        if not self.training:
            return super().example(batch)
        return batch[:, 1], self.stack.target(batch[:, 0])

    def regularizer(self, batch: Tensor, x: Tensor, code: Tensor) -> Tensor | float:
        """The weighted penalties, the contrastive loss of both copies among them.

        Codes of all ranks are compared, so that it does not depend on their number.
        """
        total = super().regularizer(batch, x, code)
        if self.views.agreement:
            gather = partial(self.all_gather, sync_grads=True)
            codes = (code, self.stack.encode(batch[:, 2]))
            first, second = (whole_batch(part, gather) for part in codes)
            alike = contrastive_loss(first, second, self.views.temperature)
            total = total + self.views.agreement * alike
        return total
