"""Speed of our training, of an idiomatic Lightning script and of a hand-written loop.

    make bench, or: python benchmarks/throughput.py [--rounds 3] [--error 3.0]

Trains the autoencoder 784-1000-500-250-30 on 55,000 images of MNIST. Two questions: how many
samples a second does each train, in turns, in one process; and after how many seconds is the
squared error of a validation image, summed over its values, at most 3.0.

- ours: the Trainer, data and optimiser of this project; for the second question ``deep-30`` as
  params.yaml has it, greedy layers included, and the same net from random weights, both in fewer
  epochs.
- plain loop: what a person would write by hand for speed: everything in memory, autocast, no
  Lightning, our optimiser.
- idiomatic: what tutorials show: ``torchvision.datasets.MNIST`` behind a ``DataLoader`` with
  workers, ``ToTensor``, a LightningModule, 32-bit numbers, AdamW as in
  optimisers.py.

Compare within one run only. Results are kept in throughput.json by the instructions that the CPU
multiplies with; ``ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI`` makes a newer CPU an ordinary one.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from deep_net import ROOT, TRAINED, capability, images, new_stack
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Training
from ae_lightning.config.params import load
from ae_lightning.data.images.augment import shift
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import BatchIndices, to_unit
from ae_lightning.nn.losses import squared_error
from ae_lightning.nn.optim import build
from ae_lightning.nn.stack import Stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.finetune import backpropagation
from ae_lightning.training.fit import fit
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit
from ae_lightning.training.trainer import precision

RESULTS = Path(__file__).with_suffix(".json")
LAYERS = ("mnist-1", "mnist-2", "mnist-3", "mnist-30")

OURS = Training(loss="cross-entropy", shift=1)
ADAMW = Training(
    loss="cross-entropy", optimizer="adamw", learning_rate=3e-3, momentum=0.9, batch_size=500
)
EPOCHS = {"deep-30": 8, "from random weights": 8, "idiomatic": 60}
"""Epochs of the schedules for the second question."""

Row = tuple[float, float]
"""Seconds since the training began at the end of an epoch, and its validation error."""


def ours(data: Tensor, epochs: int) -> list[Row]:
    """Our Trainer from random weights, as its learning curve says."""
    training = OURS.model_copy(update={"epochs": epochs})
    with tempfile.TemporaryDirectory() as folder:
        curve = Path(folder) / "curve.csv"
        how = Fit(training, Environment(), title="ours", curve=curve, resume=Path(folder))
        fit(new_stack(), data[:TRAINED], data[TRAINED:], how)
        return rows(curve)


def deep_30(epochs: int) -> list[Row]:
    """``deep-30`` with its greedy layers, in fewer epochs; the layers' seconds come first."""
    params = load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare("mnist", params.datasets["mnist"], folder / "data")
        data, stack, spent = PreparedDataset.open(folder / "data"), Stack([]), 0.0
        for layer in LAYERS:
            how = Fit.of(
                params.layers[layer], Environment(), curve=folder / "curve.csv", resume=folder
            )
            began = time.perf_counter()
            stack = pretrain(layer, params.layers[layer], stack, data, how)
            spent += time.perf_counter() - began
        variant = params.variants["deep-30"]
        train = variant.train.model_copy(update={"epochs": epochs})
        variant = variant.model_copy(update={"train": train})
        how = Fit.of(variant, Environment(), curve=folder / "curve.csv", resume=folder)
        backpropagation(variant, stack, data, how)
        return [(spent + seconds, error) for seconds, error in rows(folder / "curve.csv")]


def rows(curve: Path) -> list[Row]:
    """Seconds and errors of a learning curve."""
    learned = LearningCurve.read(curve).columns
    return list(zip(learned["seconds"].tolist(), learned["val/sse"].tolist(), strict=True))


def plain(data: Tensor, epochs: int) -> list[Row]:
    """A hand-written loop with our optimiser."""
    stack, train = new_stack(), data[:TRAINED]
    batches = BatchIndices(len(train), OURS.batch_size, shuffle=True)
    optimizer, schedule = build(stack.parameters(), OURS, len(batches) * epochs)
    bf16 = precision(Environment()) == "bf16-mixed"
    found = []
    began = time.perf_counter()
    for epoch in range(epochs):
        batches.set_epoch(epoch)
        for indices in batches:
            batch = to_unit(shift(train[indices], OURS.shift)).flatten(1)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = stack.decode_logits(stack.encode(batch))
            loss = F.binary_cross_entropy_with_logits(logits.float(), batch, reduction="sum")
            (loss / len(batch)).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            x = to_unit(data[TRAINED:]).flatten(1)
            error = float(squared_error(stack.trace(x).logits, x, stack.output))
        found.append((time.perf_counter() - began, error))
    return found


class Idiomatic(lightning.LightningModule):
    """An autoencoder as tutorials write it."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.model, self.steps = new_stack(), steps
        self.rows: list[Row] = []
        self.began = 0.0

    def on_train_start(self) -> None:
        self.began = time.perf_counter()

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        x = batch[0].flatten(1)
        logits = self.model.decode_logits(self.model.encode(x))
        loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _index: int) -> None:
        x = batch[0].flatten(1)
        reconstructed = self.model.decode(self.model.encode(x))
        self.log("val/sse", ((reconstructed - x) ** 2).sum(1).mean())

    def on_validation_epoch_end(self) -> None:
        error = float(self.trainer.callback_metrics["val/sse"])
        self.rows.append((time.perf_counter() - self.began, error))

    def configure_optimizers(self) -> Any:
        optimizer, schedule = build(self.parameters(), ADAMW, self.steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def idiomatic(epochs: int) -> list[Row]:
    """The tutorial's script."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.parent.mkdir(parents=True)
        raw.symlink_to((ROOT / "data" / "mnist").resolve())
        mnist = MNIST(folder, train=True, transform=ToTensor())
        train, validation = (
            DataLoader(
                Subset(mnist, part),
                batch_size=ADAMW.batch_size,
                shuffle=shuffle,
                num_workers=2,
                persistent_workers=True,
            )
            for part, shuffle in ((range(TRAINED), True), (range(TRAINED, 60_000), False))
        )
        module = Idiomatic(len(train) * epochs)
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, train, validation)
    return module.rows


def each_epoch(found: list[Row]) -> float:
    """Seconds per epoch after the first."""
    return (found[-1][0] - found[0][0]) / (len(found) - 1)


def seconds_to(error: float, found: list[Row]) -> float | None:
    """Seconds until an epoch ended with at most ``error``; None if none did."""
    return next((seconds for seconds, reached in found if reached <= error), None)


def speeds(data: Tensor, rounds: int) -> dict[str, float]:
    """Samples per second of each, medians of ``rounds`` turns."""
    contenders: dict[str, Callable[[], list[Row]]] = {
        "ours": lambda: ours(data, 3),
        "plain loop": lambda: plain(data, 3),
        "idiomatic": lambda: idiomatic(3),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            seconds[name].append(each_epoch(run()))
    return {name: TRAINED / statistics.median(times) for name, times in seconds.items()}


def times(data: Tensor, error: float) -> dict[str, float | None]:
    """Seconds to a validation error."""
    found = {
        "ours": deep_30(EPOCHS["deep-30"]),
        "ours, from random weights": ours(data, EPOCHS["from random weights"]),
        "plain loop": plain(data, EPOCHS["from random weights"]),
        "idiomatic": idiomatic(EPOCHS["idiomatic"]),
    }
    for name, learned in found.items():
        print(f"{name}: validation error {learned[-1][1]:.3f} after {len(learned)} epochs")
    return {name: seconds_to(error, learned) for name, learned in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--error", type=float, default=3.0)
    arguments = parser.parse_args()
    data = images()
    samples = speeds(data, arguments.rounds)
    seconds = times(data, arguments.error)
    print(f"\n{capability()}, {torch.get_num_threads()} threads")
    print(f"{'':28}samples/s   seconds to {arguments.error}   times ours")
    for name, needed in seconds.items():
        speed = f"{samples[name]:9.0f}" if name in samples else " " * 9
        reached = f"{needed:18.1f}" if needed else f"{'not reached':>18}"
        ratio = f"{needed / seconds['ours']:13.2f}" if needed and seconds["ours"] else ""
        print(f"{name:28}{speed}{reached}{ratio}")
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[capability()] = {
        "samples_per_second": {name: round(speed) for name, speed in samples.items()},
        f"seconds_to_{arguments.error}": {
            name: needed and round(needed, 1) for name, needed in seconds.items()
        },
    }
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
