"""Everything in the project's own params.yaml really runs, on two batches of noise."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from ae_lightning.config import Environment, Layer, Variant, load
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


def how(item: Layer | Variant, folder: Path) -> Fit:
    training = item.train.model_copy(update={"epochs": 1, "batch_size": BATCH})
    return replace(Fit.of(item, Environment(), resume=folder), training=training)


@pytest.fixture(scope="module")
def chain(noise: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Stack]:
    """The pretrained stack that an ``input`` names; each layer is trained once."""
    folder = tmp_path_factory.mktemp("resume")

    @cache
    def trained(source: str) -> Stack:
        if source.startswith("prepared/"):
            return Stack([])
        name = source.removeprefix("layers/")
        layer = PARAMS.layers[name]
        return pretrain(name, layer, trained(layer.input), noise, how(layer, folder))

    return trained


@pytest.mark.parametrize("name", PARAMS.variants)
def test_variant_runs(
    name: str, noise: Prepared, chain: Callable[[str], Stack], tmp_path: Path
) -> None:
    variant = PARAMS.variants[name]
    below = deepcopy(chain(variant.input))
    stack = FITTERS[variant.kind](variant, below, noise, how(variant, tmp_path))
    examples = torch.rand(3, 784)
    assert stack(examples).shape == examples.shape
    assert stack.encode(examples).isfinite().all()
