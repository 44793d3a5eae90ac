"""Train a tied layer as a restricted Boltzmann machine."""

import torch
from torch import Tensor

from ae_lightning.config.layers import Layer
from ae_lightning.distributed.global_batch import weighed
from ae_lightning.nn.layers.dense import TiedLayer
from ae_lightning.nn.layers.rbm import contrastive_divergence
from ae_lightning.training.module import Reconstruction

FOLLOWED = 10
"""Every so many batches one is reconstructed for the learning curve; all would add a third."""


class ContrastiveDivergence(Reconstruction):
    """Train a stack that is one tied layer by contrastive divergence with its Gibbs steps.

    Its gradient is that of no loss of a reconstruction. Logs what its parent does, of mean-field
    reconstructions ``decode(encode(x))``; ``train/loss`` is the mean of every tenth batch.
    """

    def training_step(self, batch: Tensor, batch_idx: int = 0) -> Tensor:
        """Contrastive divergence of a batch ``(batch, features)`` in [0, 1]."""
        (machine,) = self.stack.layers
        assert isinstance(machine, TiedLayer)
        assert isinstance(self.item, Layer)
        if batch_idx % FOLLOWED == 0:
            with torch.no_grad():
                reconstruction = self.terms[0].value(*self.passed(batch, batch, batch))
            self.follow(weighed(reconstruction), batch)
        return weighed(contrastive_divergence(machine, batch, self.item.cd_steps))
