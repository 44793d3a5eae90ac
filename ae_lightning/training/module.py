"""The LightningModule that trains a stack to reconstruct."""

from functools import partial
from typing import Any

import lightning
import torch
from torch import Tensor

from ae_lightning.data.sampler import epoch_seed
from ae_lightning.distributed.fsdp import number_parameters, shard
from ae_lightning.distributed.global_batch import examples_of, jointly, weighed, whole_batch
from ae_lightning.nn.activations import softmax
from ae_lightning.nn.corruption import corrupt
from ae_lightning.nn.losses import squared_error
from ae_lightning.nn.optim import build
from ae_lightning.nn.penalties import PENALTIES
from ae_lightning.nn.stack import ForwardOutput, Stack
from ae_lightning.nn.terms import LossContext, Term
from ae_lightning.training.objectives.table import OBJECTIVES
from ae_lightning.training.setup import Fit


class Reconstruction(lightning.LightningModule):
    """Reconstruct clean targets from corrupted inputs, with penalties on the code.

    The loss is a list of terms: the objective's and the penalties. Only training corrupts its
    input, and its target is clean. Logs ``train/loss`` (all terms), ``val/loss`` (the first) and
    ``val/sse``, the squared error, per epoch.
    """

    def __init__(self, stack: Stack, how: Fit) -> None:
        super().__init__()
        self.stack, self.training_config, self.item = stack, how.training, how.item
        self.objective = OBJECTIVES[how.item.objective]
        first, *others = self.objective.terms(stack, how)
        penalties = (Term(weight, PENALTIES[name]) for name, weight in how.item.penalties.items())
        self.terms = [first, *penalties, *others]

    def training_step(self, batch: Tensor) -> Tensor:
        """Loss of a batch ``(batch, features)``."""
        x, target = self.objective.pair(self.stack, batch, self.item, True)
        x = jointly(corrupt, x, self.item.corruption) if self.item.corruption else x
        x.requires_grad_("contractive" in self.item.penalties)
        output, context = self.passed(batch, x, target.detach())
        first, *others = [
            weighed(term.weight * term.value(output, context), term.number and term.number(x))
            for term in self.terms
        ]
        loss = first + sum(others)
        self.follow(loss, batch)
        return loss

    def follow(self, loss: Tensor, batch: Tensor) -> None:
        """Log the loss of a batch, which :func:`weighed` has weighed."""
        size = examples_of(batch)
        self.log("train/loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=size)

    def passed(self, batch: Tensor, x: Tensor, target: Tensor) -> tuple[ForwardOutput, LossContext]:
        """One pass of ``x``, and what terms may look at besides."""
        gathered = partial(whole_batch, gather=partial(self.all_gather, sync_grads=True))
        return self.stack.trace(x), LossContext(self.stack, batch, x, target, gathered)

    def validation_step(self, batch: Tensor) -> None:
        """Losses of a batch ``(batch, features)``, weighed by its size."""
        output, context = self.passed(
            batch, *self.objective.pair(self.stack, batch, self.item, False)
        )
        _, value, number = self.terms[0]
        losses = {"val/loss": value(output, context)}
        if self.stack.output is not softmax:  # of distributions it says nothing
            losses["val/sse"] = squared_error(
                output.logits, self.stack.restore(context.target), self.stack.restored
            )
        size = int(number(batch)) if number else len(batch)
        self.log_dict(losses, batch_size=size, sync_dist=True)

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
