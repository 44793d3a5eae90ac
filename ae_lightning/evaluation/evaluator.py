"""Evaluation as a LightningModule: codes by ``predict``, reconstruction errors by ``test``."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import lightning
import numpy as np
import torch
from lightning import Trainer
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.config.environment import Environment
from ae_lightning.data.sampler import Array, BatchIndices, in_order, loader, to_unit
from ae_lightning.data.text.tokenize import PADDING
from ae_lightning.distributed import process_group
from ae_lightning.nn.activations import Activation, softmax
from ae_lightning.nn.layers.sequence import token_accuracy, token_cross_entropy, with_end
from ae_lightning.nn.losses import multinomial, squared_error
from ae_lightning.nn.stack import Stack
from ae_lightning.training.callbacks import OwnSignals
from ae_lightning.training.trainer import trainer_settings

BATCH = 2000
FEW = 64
"""Batch size of sequences: each has a logit for every word at each of its tokens."""
FEWEST = 1000
"""Examples per process below which one process alone is faster."""


class Evaluation(lightning.LightningModule):
    """Codes and errors of a trained stack, in full precision."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack
        self.kept: list[Tensor] | None = None

    def predict_step(self, batch: Tensor) -> Tensor:
        """Codes ``(batch, code)`` of raw examples."""
        return self.stack.encode(to_unit(batch))

    def test_step(self, batch: Tensor) -> None:
        """Errors of reconstructing raw examples, in their units; codes are kept if asked for."""
        x = to_unit(batch)
        code, logits, _ = self.stack.trace(x)
        if self.kept is not None:
            self.kept.append(code.cpu())
        target = self.stack.restore(self.stack.target(x))
        errors = errors_of(self.stack)(logits, target, self.stack.restored)
        weight = int((with_end(x) != PADDING).sum()) if self.stack.takes_sequences else len(x)
        self.log_dict(errors, batch_size=weight, sync_dist=True)


def squared_errors(logits: Tensor, target: Tensor, output: Activation) -> dict[str, Tensor]:
    """Squared error per example (``sse``) and per value (``mse``)."""
    sse = squared_error(logits, target, output)
    return {"sse": sse, "mse": sse / target.shape[1]}


def word_errors(logits: Tensor, target: Tensor, output: Activation) -> dict[str, Tensor]:
    """Cross-entropy of a document's distribution over words, in nats per word."""
    return {"cross_entropy": multinomial(logits, target, output)}


def token_errors(logits: Tensor, target: Tensor, output: Activation) -> dict[str, Tensor]:
    """Given the tokens before: nats per token, and share of the tokens that are right."""
    return {
        "cross_entropy": token_cross_entropy(logits, target),
        "token_accuracy": token_accuracy(logits, target),
    }


def errors_of(stack: Stack) -> Callable[[Tensor, Tensor, Activation], dict[str, Tensor]]:
    """Error functions of a stack's reconstructions, by the kind of its output."""
    if stack.takes_sequences:
        return token_errors
    return word_errors if stack.output is softmax else squared_errors


class Evaluator:
    """Run one stack over arrays ``(examples, *shape)``; the trainer is set up once.

    All processes call it alike. Each example passes once, in one of them, and what comes out is
    complete in the first; few examples pass in each.
    """

    def __init__(self, stack: Stack, environment: Environment) -> None:
        self.module, self.environment = Evaluation(stack), environment

    def codes(self, array: Array) -> NDArray[np.float32]:
        """Codes ``(examples, code)`` in the order of the examples."""
        return _codes(self._trainer(array), self.module, array)

    def reconstruction(self, array: Array) -> dict[str, float]:
        """Errors by name, each averaged over the examples."""
        return _errors(self._trainer(array), self.module, array)

    def codes_and_reconstruction(
        self, array: Array
    ) -> tuple[NDArray[np.float32], dict[str, float]]:
        """:meth:`codes` and :meth:`reconstruction` of one pass."""
        return _codes_and_errors(self._trainer(array), self.module, array)

    def _trainer(self, array: Array) -> Trainer:
        ranks = process_group.world_size()
        few = ranks > 1 and len(array) < FEWEST * ranks
        return self._alone if few else self._together

    @cached_property
    def _together(self) -> Trainer:
        # Nothing is trained, so nothing need be split.
        strategy = {"fsdp": "ddp"}.get(self.environment.strategy, self.environment.strategy)
        return _trainer(self.environment.model_copy(update={"strategy": strategy}))

    @cached_property
    def _alone(self) -> Trainer:
        return _trainer(self.environment.single())


def _trainer(environment: Environment) -> Trainer:
    settings = trainer_settings(environment) | {"precision": "32-true"}
    return Trainer(logger=False, enable_checkpointing=False, callbacks=[OwnSignals()], **settings)


def _codes(trainer: Trainer, module: Evaluation, array: Array) -> NDArray[np.float32]:
    """Codes of all examples in the first process, of its own part in any other."""
    share = _share(module, array, trainer.global_rank, trainer.world_size)
    batches: Any = trainer.predict(module, loader(array, share))
    return _gathered(trainer, module, array, batches)


def _codes_and_errors(
    trainer: Trainer, module: Evaluation, array: Array
) -> tuple[NDArray[np.float32], dict[str, float]]:
    """:func:`_codes` and :func:`_errors` of one pass."""
    module.kept = []
    errors = _errors(trainer, module, array)
    batches, module.kept = module.kept, None
    return _gathered(trainer, module, array, batches), errors


def _errors(trainer: Trainer, module: Evaluation, array: Array) -> dict[str, float]:
    """Errors by name; the trainer averages over the examples of all processes."""
    share = _share(module, array, trainer.global_rank, trainer.world_size)
    errors = trainer.test(module, loader(array, share), verbose=False)[0]
    return {name: float(error) for name, error in errors.items()}


def _gathered(
    trainer: Trainer, module: Evaluation, array: Array, batches: Sequence[Tensor]
) -> NDArray[np.float32]:
    """This process's batches of codes, in the first process those of all."""
    own, world = np.concatenate([batch.numpy() for batch in batches]), trainer.world_size
    if len(parts := process_group.gather(own) if world > 1 else [own]) == 1:
        return own
    codes = np.empty((len(array), parts[0].shape[1]), dtype=np.float32)
    for rank, part in enumerate(parts):
        codes[torch.cat(list(_share(module, array, rank, world))).numpy()] = part
    return codes


def _share(module: Evaluation, array: Array, rank: int, world: int) -> BatchIndices:
    size = FEW if module.stack.takes_sequences else BATCH
    return in_order(len(array), size, rank, world)
