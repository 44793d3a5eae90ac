"""Everything in the project's own params.yaml really runs, on two batches of noise."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ae_lightning.config import Environment, Layer, Params, Training, Variant, load
from ae_lightning.data.prepared import Prepared
from ae_lightning.nn.stack import Stack
from ae_lightning.training.fit import Fit
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.variants import FITTERS

ROOT = Path(__file__).parents[1]
PARAMS = load(ROOT / "params.yaml")
BATCH, EXAMPLES = 20, 40


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        np.save(folder / f"{split}_inputs.npy", random.integers(0, 256, (EXAMPLES, 28, 28), "u1"))
        np.save(folder / f"{split}_labels.npy", random.integers(0, 10, EXAMPLES, "u1"))
    return Prepared(folder, (28, 28), tuple("0123456789"))


def shrunk(training: Training) -> Training:
    return training.model_copy(update={"epochs": 1, "batch_size": BATCH})


def how(item: Layer | Variant, folder: Path) -> Fit:
    return Fit(shrunk(item.train), Environment(), resume=folder)


def chain(params: Params, source: str, data: Prepared, folder: Path) -> Stack:
    stack = Stack([])
    for name in params.chain(source):
        layer = params.layers[name]
        stack = pretrain(name, layer, stack, data, how(layer, folder))
    return stack


@pytest.mark.parametrize("name", PARAMS.variants)
def test_variant_runs(name: str, noise: Prepared, tmp_path: Path) -> None:
    variant = PARAMS.variants[name]
    below = chain(PARAMS, variant.input, noise, tmp_path)
    stack = FITTERS[variant.kind](variant, below, noise, how(variant, tmp_path))
    examples = torch.rand(3, 784)
    assert stack(examples).shape == examples.shape
    assert stack.encode(examples).isfinite().all()
