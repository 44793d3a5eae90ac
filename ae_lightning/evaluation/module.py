"""Evaluation as a LightningModule: codes by ``predict``, reconstruction errors by ``test``."""

from collections.abc import Callable
from typing import Any

import lightning
import numpy as np
from lightning import Trainer
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.config import Environment
from ae_lightning.data.batches import Array, BatchIndices, loader, to_unit
from ae_lightning.data.text import PADDING
from ae_lightning.nn.activations import Activation, softmax
from ae_lightning.nn.losses import multinomial, squared_error
from ae_lightning.nn.sequence import token_accuracy, token_cross_entropy, with_end
from ae_lightning.nn.stack import Stack
from ae_lightning.training.trainer import trainer_settings

BATCH = 2000
FEW = 64
"""Sequences at a time: each has a logit for every word at each of its tokens."""


class Evaluation(lightning.LightningModule):
    """Codes and errors of a trained stack, in full precision."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack

    def predict_step(self, batch: Tensor) -> Tensor:
        """Codes ``(batch, code)`` of raw examples."""
        return self.stack.encode(to_unit(batch))

    def test_step(self, batch: Tensor) -> None:
        """Errors of reconstructing raw examples."""
        x = to_unit(batch)
        logits, target = self.stack.trace(x).logits, self.stack.target(x)
        errors = errors_of(self.stack)(logits, target, self.stack.output)
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
    """What is measured of a stack's reconstructions."""
    if stack.takes_sequences:
        return token_errors
    return word_errors if stack.output is softmax else squared_errors


class Evaluator:
    """Run one stack over arrays ``(examples, *shape)``; the trainer is set up once."""

    def __init__(self, stack: Stack, environment: Environment) -> None:
        self.module = Evaluation(stack)
        settings = trainer_settings(environment) | {"precision": "32-true"}
        self.trainer = Trainer(logger=False, enable_checkpointing=False, **settings)

    def codes(self, array: Array) -> NDArray[np.float32]:
        """Codes ``(examples, code)`` in the order of the examples."""
        batches: Any = self.trainer.predict(self.module, self._loader(array))
        return np.concatenate([batch.numpy() for batch in batches])

    def reconstruction(self, array: Array) -> dict[str, float]:
        """Errors by name, each averaged over the examples."""
        errors = self.trainer.test(self.module, self._loader(array), verbose=False)[0]
        return {name: float(error) for name, error in errors.items()}

    def _loader(self, array: Array) -> Any:
        size = FEW if self.module.stack.takes_sequences else BATCH
        return loader(array, BatchIndices(len(array), size))
