"""How well the widest net of ours uses the machine: arithmetic a second, and memory.

    python benchmarks/wide.py [--variant image-256] [--examples 4000] [--epochs 3]

Fine-tunes the variant as params.yaml has it, from random weights, on the first CIFAR-10 images with
our Trainer (validation and resume points included in its memory, not in its seconds) and compares
its arithmetic a second with that of bf16 matrix products of its own shapes, measured before and
after. Prints a table with the memory of parameters, gradients and optimiser, writes wide.json.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from ae_lightning.config.environment import Environment
from ae_lightning.config.params import Params, load
from ae_lightning.nn.checkpoint import build
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.nn.whitening import Whitening
from ae_lightning.training.fit import fit
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit
from ae_lightning.training.trainer import precision

ROOT = Path(__file__).parents[1]
MIB = 2**20


class Steps(Callback):
    """Seconds spent in training batches, the first of each epoch left out."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_train_batch_start(self, trainer: Trainer, module: LightningModule, *_: object) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._began)


def widths(params: Params, name: str) -> list[int]:
    """Units of the variant's layers from the data up."""
    variant = params.variants[name]
    return [params.layers[layer].units for layer in params.chain(variant.input)] + [*variant.sizes]


def new_stack(sizes: list[int], features: int) -> Stack:
    torch.manual_seed(0)
    specs = chain_specs(features, sizes, hidden="gelu", code="unit", output="linear")
    eye = torch.eye(features)
    return Stack(build(specs).layers, Whitening(torch.full((features,), 0.5), eye, eye))


def operations(sizes: list[int], features: int) -> float:
    """Floating-point operations of one example's training step.

    A product and its two gradients for each matrix, but for the first none for its input; the
    input and the target are whitened.
    """
    chain = [features, *sizes]
    matrices = [below * above for below, above in pairwise(chain)]
    return 2.0 * (6 * sum(matrices) - matrices[0] + 2 * features**2)


def product_rate(batch: int, sizes: list[int], features: int, seconds: float = 3.0) -> float:
    """Floating-point operations a second of bf16 products of the net's own two widest shapes."""
    chain = [features, *sizes]
    shapes = sorted(pairwise(chain), key=lambda s: s[0] * s[1])[-2:]
    pairs = [(torch.randn(batch, a).bfloat16(), torch.randn(a, b).bfloat16()) for a, b in shapes]
    began, done = time.perf_counter(), 0.0
    while time.perf_counter() - began < seconds:
        for x, w in pairs:
            torch.mm(x, w)
            done += 2.0 * x.shape[0] * x.shape[1] * w.shape[1]
    return done / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variant", default="image-256")
    parser.add_argument("--examples", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()

    params = load(ROOT / "params.yaml")
    variant, sizes = params.variants[options.variant], widths(params, options.variant)
    images = np.load(ROOT / "data" / "cifar10" / "train_images.npy", mmap_mode="r")
    data = torch.from_numpy(np.array(images[: options.examples]))
    features, batch = data[0].numel(), variant.train.batch_size
    environment, steps = Environment(), Steps()
    before = product_rate(batch, sizes, features)
    with tempfile.TemporaryDirectory() as folder:
        training = variant.train.model_copy(update={"epochs": options.epochs})
        how = Fit.of(variant, environment, title=options.variant, resume=Path(folder))

        def module(stack: Stack, how: Fit) -> Reconstruction:
            made = Reconstruction(stack, how)
            made.configure_callbacks = lambda: [steps]  # type: ignore[method-assign]
            return made

        lightning.seed_everything(0, verbose=False)
        how = replace(how, training=training, module=module)
        stack = fit(new_stack(sizes, features), data, data[:500], how)
    rate = (before + product_rate(batch, sizes, features)) / 2
    step = float(np.median(steps.seconds))
    reached = operations(sizes, features) * batch / step
    parameters = sum(p.numel() for p in stack.parameters())
    found = {
        "variant": options.variant,
        "parameters": parameters,
        "precision": precision(environment),
        "threads": torch.get_num_threads(),
        "seconds_per_step": step,
        "examples_per_second": batch / step,
        "operations_per_second": reached,
        "product_rate": rate,
        "share": reached / rate,
        "seconds_per_epoch_of_45000": 45_000 / batch * step,
        "megabytes": {
            "parameters": 4 * parameters / MIB,
            "gradients": 4 * parameters / MIB,
            "optimizer": 8 * parameters / MIB,
            "best_weights": 4 * parameters / MIB,
            "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        },
    }
    print(json.dumps(found, indent=1))
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
