"""Training of a stack of layers to reconstruct: greedy layers and fine-tuning alike."""

from __future__ import annotations

import shutil

import lightning
from lightning.pytorch.callbacks import Callback, EarlyStopping

from ae_lightning.data.datamodule import ReconstructionData
from ae_lightning.data.sampler import Array
from ae_lightning.distributed.fsdp import trained_copy
from ae_lightning.distributed.global_batch import Share, sharing
from ae_lightning.nn.stack import Stack
from ae_lightning.training.callbacks import (
    AtomicCheckpointIO,
    KeepBest,
    OwnSignals,
    Progress,
    ResumePoint,
)
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.fingerprint import of_fit
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit
from ae_lightning.training.trainer import trainer_settings


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
        views=how.item.views,
        parts=environment.accumulate,
        workers=environment.workers,
    )
    folder = how.resume / of_fit(stack, (train, validation), how)
    progress, best, resume = Progress(how.title), KeepBest(), ResumePoint(folder)
    callbacks: list[Callback] = [OwnSignals(), progress, best, resume]
    if training.patience:
        callbacks.append(EarlyStopping("val/loss", patience=training.patience))
    trainer = lightning.Trainer(
        max_epochs=training.epochs,
        logger=how.logger or False,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        accumulate_grad_batches=environment.accumulate,
        **trainer_settings(environment),
    )
    stack.checkpointing = environment.checkpointing
    trained = (how.module or Reconstruction)(trained_copy(stack, environment), how)
    with sharing(Share(trainer.global_rank, trainer.world_size, data.step)):
        trainer.fit(trained, data, ckpt_path=resume.found())
    best.restore(stack)
    if trainer.is_global_zero:
        if how.curve is not None:
            LearningCurve(progress.rows).write(how.curve)
        shutil.rmtree(folder, ignore_errors=True)
    return stack
