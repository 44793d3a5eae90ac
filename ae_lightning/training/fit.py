"""Train a stack of layers to reconstruct: a greedy layer and fine-tuning alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from lightning.pytorch.loggers import Logger
from torch import Tensor

from ae_lightning.config import Environment
from ae_lightning.data.batches import Array, ReconstructionData, epoch_seed
from ae_lightning.items import Layer, Training, Variant, Views
from ae_lightning.nn.activations import softmax
from ae_lightning.nn.corruption import corrupt
from ae_lightning.nn.losses import LOSSES, resolve_loss, squared_error
from ae_lightning.nn.optim import build
from ae_lightning.nn.penalties import PENALTIES
from ae_lightning.nn.stack import Stack
from ae_lightning.shares import Share, jointly, sharing, weighed
from ae_lightning.training.callbacks import (
    KeepBest,
    OwnSignals,
    Progress,
    ResumePoint,
    WholeFile,
    write_curve,
)
from ae_lightning.training.fingerprint import fingerprint
from ae_lightning.training.sharded import number_parameters, shard, trained_copy
from ae_lightning.training.trainer import trainer_settings

RESUME = Path("artifacts/resume")


class Reconstruction(lightning.LightningModule):
    """Reconstruct the batch from what is left of it, with penalties on the code.

    Only training corrupts its input, and its target is clean. Logs ``train/loss`` (with
    penalties), ``val/loss`` (without) and ``val/sse``, the squared error, per epoch.
    """

    def __init__(self, stack: Stack, how: Fit) -> None:
        super().__init__()
        self.stack, self.training_config = stack, how.training
        self.penalties = {name: weight for name, weight in how.penalties.items() if weight}
        self.corruption = how.corruption
        self.loss = LOSSES[resolve_loss(how.training.loss, stack.specs[0].output)]

    def example(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """What of a batch goes in and what should come out, both ``(batch, features)``."""
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
        """Seed what is random within an epoch by the epoch, so that a resumed one repeats it."""
        torch.manual_seed(epoch_seed(self.training_config.seed, self.current_epoch))

    def configure_model(self) -> None:
        """Split the weights over the processes, where the strategy asks for it."""
        shard(self)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save what any strategy can go on from."""
        number_parameters(self, checkpoint)

    def configure_optimizers(self) -> Any:
        """The configured optimiser with its schedule, stepped every batch."""
        steps = int(self.trainer.estimated_stepping_batches)
        optimizer, schedule = build(self.parameters(), self.training_config, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


@dataclass(frozen=True)
class Fit:
    """Everything about a training but its stack and data: what for, who is it, where does it run.

    ``module`` makes the LightningModule that trains the stack, ``kind`` tells it from others,
    ``origin`` says all of its configuration. ``source`` is the digest of what its first weights and
    examples were computed from, where their own bytes could differ from machine to machine.
    """

    training: Training
    environment: Environment
    title: str = "training"
    penalties: Mapping[str, float] = field(default_factory=dict)
    corruption: Mapping[Any, float] = field(default_factory=dict)
    views: Views | None = None
    module: Callable[[Stack, Fit], Reconstruction] = Reconstruction
    kind: str = "reconstruction"
    origin: str = ""
    source: str = ""
    logger: Logger | None = None
    curve: Path | None = None
    resume: Path = RESUME

    @classmethod
    def of(cls, item: Layer | Variant, environment: Environment, **options: Any) -> Fit:
        """How a configured layer or variant is trained; ``options`` are further fields."""
        return cls(
            item.train,
            environment,
            penalties=item.penalties,
            corruption=item.corruption,
            views=item.views,
            origin=item.model_dump_json(),
            **options,
        )


def fit(stack: Stack, train: Array, validation: Array, how: Fit) -> Stack:
    """Train ``stack`` in place; it ends with the weights of the best validation epoch.

    A training that was killed goes on from its last whole epoch if everything that decides its
    result is the same. Learning curves go to ``how.curve`` (CSV).

    Raises:
        UserError: if the loss is no longer finite.
    """
    training, environment = how.training, how.environment
    data = ReconstructionData(
        train,
        validation,
        batch_size=training.batch_size,
        seed=training.seed,
        shift=training.shift,
        views=how.views,
        parts=environment.accumulate,
        workers=environment.workers,
    )
    folder = how.resume / fingerprint(stack, (train, validation), how)
    progress, best, resume = Progress(how.title), KeepBest(), ResumePoint(folder)
    callbacks: list[Callback] = [OwnSignals(), progress, best, resume]
    if training.patience:
        callbacks.append(EarlyStopping("val/loss", patience=training.patience))
    trainer = lightning.Trainer(
        max_epochs=training.epochs,
        logger=how.logger or False,
        callbacks=callbacks,
        plugins=[WholeFile()],
        accumulate_grad_batches=environment.accumulate,
        **trainer_settings(environment),
    )
    stack.checkpointing = environment.checkpointing
    trained = how.module(trained_copy(stack, environment), how)
    with sharing(Share(trainer.global_rank, trainer.world_size, data.step)):
        trainer.fit(trained, data, ckpt_path=resume.found())
    best.restore(stack)
    if trainer.is_global_zero:
        if how.curve is not None:
            write_curve(progress.rows, how.curve)
        shutil.rmtree(folder, ignore_errors=True)
    return stack
