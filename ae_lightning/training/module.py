"""The LightningModule that trains a stack to reconstruct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import lightning
import torch
from torch import Tensor

from ae_lightning.config.layers import Training
from ae_lightning.data.sampler import epoch_seed
from ae_lightning.distributed.fsdp import number_parameters, shard
from ae_lightning.distributed.global_batch import jointly, weighed
from ae_lightning.nn.activations import softmax
from ae_lightning.nn.corruption import corrupt
from ae_lightning.nn.losses import LOSSES, resolve_loss, squared_error
from ae_lightning.nn.optim import build
from ae_lightning.nn.penalties import PENALTIES
from ae_lightning.nn.stack import Stack


class Settings(Protocol):
    """The settings that :class:`Reconstruction` reads; a training's ``Fit`` has them."""

    @property
    def training(self) -> Training:
        """Loss, optimiser and schedule."""

    @property
    def penalties(self) -> Mapping[str, float]:
        """Weights of penalties on the code, by name."""

    @property
    def corruption(self) -> Mapping[Any, float]:
        """Greatest strengths of corruptions of the input, by name."""


class Reconstruction(lightning.LightningModule):
    """Reconstruct clean targets from corrupted inputs, with penalties on the code.

    Only training corrupts its input, and its target is clean. Logs ``train/loss`` (with
    penalties), ``val/loss`` (without) and ``val/sse``, the squared error, per epoch.
    """

    def __init__(self, stack: Stack, how: Settings) -> None:
        super().__init__()
        self.stack, self.training_config = stack, how.training
        self.penalties = {name: weight for name, weight in how.penalties.items() if weight}
        self.corruption = how.corruption
        self.loss = LOSSES[resolve_loss(how.training.loss, stack.specs[0].output)]

    def example(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Input and target of a batch, both ``(batch, features)``."""
        return batch, self.stack.target(batch)

    def training_step(self, batch: Tensor) -> Tensor:
        """Loss of a batch ``(batch, features)``."""
        clean, target = self.example(batch)
        x = jointly(corrupt, clean, self.corruption) if self.corruption else clean
        x.requires_grad_("contractive" in self.penalties)
        code, logits = self.stack.trace(x)
        loss = self.loss(logits, target.detach(), self.stack.output)
        loss = loss + self.regularizer(batch, x, code)
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True)
        return weighed(loss)

    def regularizer(self, batch: Tensor, x: Tensor, code: Tensor) -> Tensor | float:
        """The weighted penalties on the ``code`` of an input ``x`` made of ``batch``."""
        total: Tensor | float = 0.0
        for name, weight in self.penalties.items():
            total = total + weight * PENALTIES[name](self.stack, x, code)
        return total

    def validation_step(self, batch: Tensor) -> None:
        """Losses of a batch ``(batch, features)``, weighed by its size."""
        x, target = self.example(batch)
        logits = self.stack.trace(x).logits
        losses = {"val/loss": self.loss(logits, target, self.stack.output)}
        if self.stack.output is not softmax:  # of distributions it says nothing
            losses["val/sse"] = squared_error(
                logits, self.stack.restore(target), self.stack.restored
            )
        self.log_dict(losses, batch_size=len(batch), sync_dist=True)

    def on_train_epoch_start(self) -> None:
        """Seed random numbers by the epoch, so that a resumed training repeats them."""
        torch.manual_seed(epoch_seed(self.training_config.seed, self.current_epoch))

    def configure_model(self) -> None:
        """Split the weights over the processes, where the strategy asks for it."""
        shard(self)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make the checkpoint one that any strategy can resume from."""
        number_parameters(self, checkpoint)

    def configure_optimizers(self) -> Any:
        """The configured optimiser with its schedule, stepped every batch."""
        steps = int(self.trainer.estimated_stepping_batches)
        optimizer, schedule = build(self.parameters(), self.training_config, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
