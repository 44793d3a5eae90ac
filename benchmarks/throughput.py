"""Samples per second of our Trainer, a plain PyTorch loop and an idiomatic Lightning script.

    python benchmarks/throughput.py [--epochs 2] [--rounds 3]

All three train the same 784-1000-500-250-30 autoencoder with the same optimiser on the same batches
of MNIST, in turns, in one process; the ratios of one run are what counts. The plain loop is what a
person would write by hand for speed: everything in memory, autocast, no Lightning. The idiomatic
script is what tutorials show: ``torchvision.datasets.MNIST`` behind a ``DataLoader`` with workers,
``ToTensor``, a LightningModule, 32-bit numbers; it is timed with our optimiser and with AdamW.
Shares are of the matrix-product rate measured here. Prints a table, writes throughput.json.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Training
from ae_lightning.data.images.augment import shift
from ae_lightning.data.sampler import BatchIndices, to_unit
from ae_lightning.nn.checkpoint import build as build_stack
from ae_lightning.nn.optim import build
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.training.fit import fit
from ae_lightning.training.setup import Fit
from ae_lightning.training.trainer import precision

SIZES = (1000, 500, 250, 30)
ROOT = Path(__file__).parents[1]


def new_stack() -> Stack:
    torch.manual_seed(0)
    return build_stack(chain_specs(784, SIZES, hidden="gelu", code="linear", output="sigmoid"))


def images() -> Tensor:
    """The 60,000 training images, bytes."""
    with tempfile.TemporaryDirectory() as folder:
        return _mnist(Path(folder)).data


def _mnist(folder: Path) -> MNIST:
    raw = folder / "MNIST" / "raw"
    raw.parent.mkdir(parents=True)
    raw.symlink_to((ROOT / "data" / "mnist").resolve())
    return MNIST(folder, train=True, transform=ToTensor())


def ours(data: Tensor, training: Training) -> float:
    """Seconds per epoch after the first, as our Trainer reports them in its learning curve."""
    with tempfile.TemporaryDirectory() as folder:
        curve = Path(folder) / "curve.csv"
        resume = Path(folder) / "resume"
        how = Fit(training, Environment(), title="ours", curve=curve, resume=resume)
        fit(new_stack(), data, data[:100], how)
        seconds = [float(row.split(",")[1]) for row in curve.read_text().splitlines()[1:]]
    return (seconds[-1] - seconds[0]) / (len(seconds) - 1)


def plain(data: Tensor, training: Training) -> float:
    """Seconds per epoch after the first of a hand-written loop."""
    stack = new_stack()
    batches = BatchIndices(len(data), training.batch_size, shuffle=True)
    steps = len(batches) * training.epochs
    optimizer, schedule = build(stack.parameters(), training, steps)
    bf16 = precision(Environment()) == "bf16-mixed"
    seconds = []
    for epoch in range(training.epochs):
        batches.set_epoch(epoch)
        began = time.perf_counter()
        for indices in batches:
            batch = data[indices]
            batch = to_unit(shift(batch, training.shift) if training.shift else batch)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = stack.decode_logits(stack.encode(batch))
            loss = F.binary_cross_entropy_with_logits(logits.float(), batch, reduction="sum")
            (loss / len(batch)).backward()
            optimizer.step()
            schedule.step()
        seconds.append(time.perf_counter() - began)
    return statistics.mean(seconds[1:])


class Idiomatic(lightning.LightningModule):
    """An autoencoder as tutorials write it."""

    def __init__(self, training: Training, steps: int) -> None:
        super().__init__()
        self.model, self.settings, self.steps = new_stack(), training, steps
        self.epochs: list[float] = []

    def training_step(self, batch: list[Tensor], _index: int) -> Tensor:
        x = batch[0].flatten(1)
        logits = self.model.decode_logits(self.model.encode(x))
        loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        self.log("train/loss", loss)
        return loss

    def on_train_epoch_end(self) -> None:
        self.epochs.append(time.perf_counter())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build(self.parameters(), self.settings, self.steps)[0]


def idiomatic(training: Training) -> float:
    """Seconds per epoch after the first of the tutorial's script."""
    with tempfile.TemporaryDirectory() as folder:
        loader = DataLoader(
            _mnist(Path(folder)),
            batch_size=training.batch_size,
            shuffle=True,
            num_workers=2,
            persistent_workers=True,
        )
        module = Idiomatic(training, len(loader) * training.epochs)
        trainer = lightning.Trainer(
            max_epochs=training.epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader)
    return (module.epochs[-1] - module.epochs[0]) / (len(module.epochs) - 1)


def product_rate(size: int = 1000, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a bf16 product of ``size`` square matrices."""
    a = torch.randn(size, size).bfloat16()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        torch.mm(a, a)
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - began)


def operations(examples: int, steps: int) -> tuple[float, float]:
    """Operations of an epoch's passes, and of its orthogonalisations."""
    shapes = [p.shape for p in new_stack().parameters() if p.ndim == 2]
    passes = sum(6.0 * a * b for a, b in shapes) - 2.0 * shapes[0][0] * shapes[0][1]
    muon = sum(3 * (4.0 * min(s) ** 2 * max(s) + 2.0 * min(s) ** 3) for s in shapes)
    return passes * examples, muon * steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=2, help="timed epochs after a first one")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data, epochs = images(), arguments.epochs + 1
    muon = Training(epochs=epochs, loss="cross-entropy", shift=0)
    adamw = muon.model_copy(update={"optimizer": "adamw", "learning_rate": 1e-3})
    contenders: dict[str, Callable[[], float]] = {
        "ours": lambda: ours(data, muon),
        "plain loop": lambda: plain(data, muon),
        "idiomatic": lambda: idiomatic(muon),
        "idiomatic, AdamW": lambda: idiomatic(adamw),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    rates = []
    for _ in range(arguments.rounds):
        rates.append(product_rate())
        for name, run in contenders.items():
            seconds[name].append(run())
    passes, muon_operations = operations(len(data), len(data) // muon.batch_size)
    rate = statistics.median(rates)
    best = {name: statistics.median(times) for name, times in seconds.items()}
    result = {
        "samples_per_second": {name: round(len(data) / s) for name, s in best.items()},
        "ours_over_plain": best["plain loop"] / best["ours"],
        "ours_over_idiomatic": best["idiomatic"] / best["ours"],
        "ours_over_idiomatic_adamw": best["idiomatic, AdamW"] / best["ours"],
        "bf16_product_rate_tflops": rate / 1e12,
        "share_of_product_rate": (passes + muon_operations) / best["ours"] / rate,
        "share_of_product_rate_passes_alone": passes / best["ours"] / rate,
    }
    text = json.dumps(result, indent=2)
    print(text)
    (ROOT / "benchmarks" / "throughput.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
