"""Train a tied layer as a restricted Boltzmann machine."""

import torch
from torch import Tensor

from ae_lightning.distributed.global_batch import weighed
from ae_lightning.nn.layers.dense import TiedLayer
from ae_lightning.nn.layers.rbm import contrastive_divergence
from ae_lightning.nn.stack import Stack
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit

FOLLOWED = 10
"""Every so many batches one is reconstructed for the learning curve; all would add a third."""


class ContrastiveDivergence(Reconstruction):
    """Train a stack that is one tied layer by contrastive divergence with ``steps`` Gibbs steps.

    Logs what its parent does, of mean-field reconstructions ``decode(encode(x))``, as the
    contrastive divergence itself says nothing; ``train/loss`` is the mean of every tenth batch.
    """

    def __init__(self, stack: Stack, how: Fit, steps: int = 1) -> None:
        super().__init__(stack, how)
        self.steps = steps

    @property
    def machine(self) -> TiedLayer:
        """The one layer of the stack."""
        (layer,) = self.stack.layers
        assert isinstance(layer, TiedLayer)
        return layer

    def training_step(self, batch: Tensor, batch_idx: int = 0) -> Tensor:
        """Contrastive divergence of a batch ``(batch, features)`` in [0, 1]."""
        if batch_idx % FOLLOWED == 0:
            loss = self._reconstruction(batch)
            self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return weighed(contrastive_divergence(self.machine, batch, self.steps))

    @torch.no_grad()
    def _reconstruction(self, batch: Tensor) -> Tensor:
        return self.loss(self.stack.trace(batch).logits, batch, self.stack.output)
