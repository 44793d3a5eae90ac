"""Callbacks of a training: progress, best weights, resume points, signal handlers."""

import signal
import threading
import time
from pathlib import Path
from signal import SIGTERM, SIGUSR1
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

from ae_lightning import sealed
from ae_lightning.distributed import process_group
from ae_lightning.distributed.fsdp import weights
from ae_lightning.distributed.strategies import FullyShardedStrategy
from ae_lightning.errors import UserError
from ae_lightning.nn.stack import Stack
from ae_lightning.training.curve import COLUMNS

MONITOR = "val/loss"


class OwnSignals(Callback):
    """Keeps the process's own handlers of SIGTERM and SIGUSR1.

    Lightning would answer by telling the other processes, which may be waiting for gradients, and
    end with status 0; under SLURM by a checkpoint that it would then prefer to our resume points.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember the handlers before Lightning replaces them."""
        self._before = {number: signal.getsignal(number) for number in (SIGTERM, SIGUSR1)}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the handlers."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)

    on_test_start = on_predict_start = on_train_start


class Progress(Callback):
    """Print a line an epoch, keep the learning curves, and stop a training that diverged.

    ``seconds`` count training and validation, those before an interruption included.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[dict[str, float]] = []
        self._began = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock where an interrupted training stopped it."""
        self._began = time.perf_counter() - (self.rows[-1]["seconds"] if self.rows else 0.0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep and print the epoch's figures."""
        found = trainer.callback_metrics
        row = {name: float(found[name]) for name in COLUMNS[2:] if name in found}
        epoch, seconds = trainer.current_epoch + 1, time.perf_counter() - self._began
        if not all(map(torch.isfinite, map(torch.tensor, row.values()))):
            raise UserError(
                f"{self.title}: epoch {epoch}: loss must be finite, found {row}; "
                "lower train.learning_rate"
            )
        self.rows.append({"epoch": epoch, "seconds": round(seconds, 3), **row})
        left = seconds / epoch * ((trainer.max_epochs or epoch) - epoch)
        if trainer.is_global_zero:
            losses = "  ".join(f"{name} {value:.4g}" for name, value in row.items())
            print(
                f"{self.title}: epoch {epoch}/{trainer.max_epochs}  {losses}  "
                f"{seconds:.0f} s, {left:.0f} s left",
                flush=True,
            )

    def state_dict(self) -> dict[str, Any]:
        """Curves so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the curves of an interrupted training."""
        self.rows = state_dict["rows"]


class KeepBest(Callback):
    """Remember the weights of the epoch with the lowest validation loss, in the first process."""

    def __init__(self) -> None:
        self.loss = float("inf")
        self.weights: dict[str, Tensor] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Copy the weights if the epoch was the best one."""
        loss = float(trainer.callback_metrics[MONITOR])
        if loss < self.loss:
            self.loss = loss
            stack = pl_module.stack
            assert isinstance(stack, Stack)
            self.weights = weights(stack, split=isinstance(trainer.strategy, FullyShardedStrategy))

    def restore(self, stack: Stack) -> None:
        """Put the best weights back, in all processes."""
        stack.cpu()
        if process_group.is_first():
            stack.load_state_dict(self.weights)
        process_group.broadcast_tensors(stack.state_dict().values())

    def state_dict(self) -> dict[str, Any]:
        """Best weights so far."""
        return {"loss": self.loss, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the best weights of an interrupted training."""
        self.loss, self.weights = state_dict["loss"], state_dict["weights"]


class ResumePoint(Checkpoint):
    """Save the whole training after each epoch but the last.

    As it is a ``Checkpoint``, Lightning runs it after the other callbacks, whose state it saves.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "last.ckpt"

    def found(self) -> str | None:
        """Path to go on from, if a training was interrupted; a damaged one is removed."""
        there = process_group.is_first() and sealed.is_whole(self.path)
        return str(self.path) if process_group.broadcast(there) else None

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save; every rank takes part, the first one writes."""
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            trainer.save_checkpoint(self.path)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint beside the last one, then take its place: it is complete or the old one.

    It goes straight to the file, without the buffer of Lightning's own way.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write ``checkpoint`` to ``path``, making its folder."""
        sealed.save(checkpoint, Path(path))
