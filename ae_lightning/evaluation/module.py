"""Evaluation as a LightningModule: codes by ``predict``, reconstruction error by ``test``."""

from typing import Any

import lightning
import numpy as np
from lightning import Trainer
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.config import Environment
from ae_lightning.data.batches import Array, BatchIndices, loader, to_unit
from ae_lightning.nn.losses import squared_error
from ae_lightning.nn.stack import Stack
from ae_lightning.training.trainer import trainer_settings

BATCH = 2000


class Evaluation(lightning.LightningModule):
    """Codes and squared errors of a trained stack, in full precision."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack

    def predict_step(self, batch: Tensor) -> Tensor:
        """Codes ``(batch, code)`` of raw examples."""
        return self.stack.encode(to_unit(batch))

    def test_step(self, batch: Tensor) -> None:
        """Squared error per example and per value, over raw examples."""
        target = to_unit(batch)
        logits = self.stack.trace(target).logits
        sse = squared_error(logits, target, self.stack.output)
        errors = {"sse": sse, "mse": sse / target.shape[1]}
        self.log_dict(errors, batch_size=len(batch), sync_dist=True)


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
        """``sse``, summed over an example's values in [0, 1] and averaged, and ``mse``."""
        errors = self.trainer.test(self.module, self._loader(array), verbose=False)[0]
        return {name: float(errors[name]) for name in ("sse", "mse")}

    def _loader(self, array: Array) -> Any:
        return loader(array, BatchIndices(len(array), BATCH))
