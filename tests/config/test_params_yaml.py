"""Everything in the project's own params.yaml really runs, on two batches of noise."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from ae_lightning.config.classifiers import load_classifiers
from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Layer
from ae_lightning.config.params import load
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.nn.classifier import ClassifierCheckpoint
from ae_lightning.nn.stack import Stack
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit
from ae_lightning.training.sweep import Sweep

ROOT = Path(__file__).parents[2]
PARAMS = load(ROOT / "params.yaml")
CLASSIFIERS = load_classifiers(ROOT / "params.yaml")
EXAMPLES, DOCUMENTS = 40, 200
BATCHES = {"mnist": EXAMPLES // 2, "reuters": (DOCUMENTS - EXAMPLES) // 2, "cifar10": EXAMPLES // 2}


def noise(folder: Path, kind: str = "idx", shape: tuple[int, ...] = (28, 28)) -> PreparedDataset:
    """Images of noise."""
    random = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        np.save(folder / f"{split}_inputs.npy", random.integers(0, 256, (EXAMPLES, *shape), "u1"))
        np.save(folder / f"{split}_labels.npy", random.integers(0, 10, EXAMPLES, "u1"))
    return PreparedDataset(folder, kind, shape, tuple("0123456789"))


def coloured(folder: Path) -> PreparedDataset:
    """Noise in colour, a quarter of CIFAR-10's size."""
    return noise(folder, "npy", (16, 16, 3))


def babble(folder: Path) -> PreparedDataset:
    """Documents of random words, prepared as Reuters is."""
    random = np.random.default_rng(0)
    words = ["".join(letters) for letters in product("abcdefghijklm", repeat=3)]
    dates = ["1987-04-01"] * DOCUMENTS + ["1987-05-01"] * EXAMPLES
    lines = [
        {"id": n, "date": date, "title": words[n], "body": " ".join(random.choice(words, 50))}
        | {"topics": [str(n % 3)]}
        for n, date in enumerate(dates)
    ]
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    changes = {"path": path, "validation": EXAMPLES, "queries": {}}
    dataset = PARAMS.datasets["reuters"].model_copy(update=changes)
    prepare("babble", dataset, folder / "prepared")
    return PreparedDataset.open(folder / "prepared")


MADE = {"mnist": noise, "reuters": babble, "cifar10": coloured}

SHRUNK = {"cifar10": 64}
"""By how much dense layers are narrower here: 140 million parameters take gigabytes."""


def narrower(layer: Layer) -> Layer:
    if layer.kind == "conv":
        return layer
    return layer.model_copy(update={"units": layer.units // SHRUNK.get(layer.data, 1)})


def smaller(variant: Variant) -> Variant:
    sizes = tuple(size // SHRUNK.get(variant.data, 1) for size in variant.sizes)
    return variant.model_copy(update={"sizes": sizes})


@pytest.fixture(scope="module")
def data_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], PreparedDataset]:
    """A stand-in for each dataset, made once."""
    return cache(lambda name: MADE[name](tmp_path_factory.mktemp(name)))


def how(item: Layer | Variant, folder: Path) -> Fit:
    training = item.train.model_copy(update={"epochs": 1, "batch_size": BATCHES[item.data]})
    return replace(Fit.of(item, Environment(), resume=folder), training=training)


@pytest.fixture(scope="module")
def chain(
    data_of: Callable[[str], PreparedDataset], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Stack]:
    """The pretrained stack that an ``input`` names; each layer is trained once."""
    folder = tmp_path_factory.mktemp("resume")

    @cache
    def trained(source: str) -> Stack:
        if source.startswith("prepared/"):
            return Stack([])
        name = source.removeprefix("layers/")
        layer = narrower(PARAMS.layers[name])
        data, below = data_of(layer.data), trained(layer.input)
        return pretrain(name, layer, below, data, how(layer, folder))

    return trained


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_runs(
    name: str,
    data_of: Callable[[str], PreparedDataset],
    chain: Callable[[str], Stack],
    tmp_path: Path,
) -> None:
    few = {"epochs": 1, "batch_size": EXAMPLES // 2, "draws": EXAMPLES}
    train = CLASSIFIERS[name].train.model_copy(update=few)
    shrunk = {"labels": ("all",), "seeds_of_all": 1, "train": train}
    classifier = CLASSIFIERS[name].model_copy(update=shrunk)
    below, data = chain(classifier.input), data_of(classifier.data)
    sweep = Sweep(name, classifier, below, data, Environment(), resume=tmp_path / "resume")
    starts = [run.start for run, _ in sweep.train()]
    assert starts == [*classifier.starts]
    sweep.finish(tmp_path / name, tmp_path / "curve.csv")
    stored = ClassifierCheckpoint.open(tmp_path / name)
    images = to_unit(torch.from_numpy(np.array(data.inputs("test")[:3])))
    assert stored.load(stored.best)(images).shape == (3, len(data.classes))


@pytest.mark.parametrize("name", PARAMS.variants)
def test_variant_runs(
    name: str,
    data_of: Callable[[str], PreparedDataset],
    chain: Callable[[str], Stack],
    tmp_path: Path,
) -> None:
    variant = smaller(PARAMS.variants[name])
    data, below = data_of(variant.data), deepcopy(chain(variant.input))
    stack = FITTERS[variant.kind](variant, below, data, how(variant, tmp_path))
    rows = data.inputs("test")
    if stack.takes_sequences:
        rows = Corpus(data).sequences("test")
    examples = to_unit(torch.from_numpy(np.array(rows[:3])))
    codes, logits, _ = stack.trace(examples)
    assert codes.shape == (3, stack.units or data.features)
    assert codes.isfinite().all()
    if not stack.takes_sequences:
        assert logits.shape == examples.shape
