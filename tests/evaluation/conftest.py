"""Stacks and images for the tests of evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest

from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.evaluation.image_scores import EncodedImages
from ae_lightning.training.codes import encode

NAMES = ("red", "green", "blue", "grey")


@pytest.fixture
def measured(tiny):
    """Make EncodedImages of a stack on ``tiny``, with its own codes or with given test codes."""

    def of(stack, codes=None):
        if codes is None:
            found = {split: encode(stack, tiny.inputs(split)).numpy() for split in SPLITS}
        else:
            found = {"test": codes}
        return EncodedImages(stack, tiny, found)

    return of


def write(
    folder: Path, kind: str, shape: tuple[int, ...], names: tuple[str, ...]
) -> PreparedDataset:
    """Prepared noise of a ``shape``, brighter in the colour of its class or in a quarter of it."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for split, count in {"train": 96, "validation": 24, "test": 32}.items():
        images, labels = random.integers(0, 150, (count, *shape)), random.integers(0, 4, count)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 2] += 40
            if len(shape) == 3:
                image[..., [label] if label < 3 else [0, 1, 2]] += 40
        np.save(folder / f"{split}_inputs.npy", images.astype(np.uint8))
        if names:
            np.save(folder / f"{split}_labels.npy", labels.astype(np.uint8))
    meta = {"kind": kind, "shape": shape, "classes": names}
    (folder / "meta.json").write_text(json.dumps(meta))
    return PreparedDataset.open(folder)


@pytest.fixture
def colours(tmp_path):
    """Prepared colour images: 96 training, 24 validation and 32 test ones, 8 by 8, four classes."""
    return write(tmp_path / "prepared" / "colours", "npy", (8, 8, 3), NAMES)


@pytest.fixture
def unlabelled(tmp_path):
    """Prepared grey photographs without labels, as many, 8 by 6."""
    return write(tmp_path / "prepared" / "unlabelled", "npy", (8, 6), ())
