"""Raw files to prepared ones: one function per kind of dataset."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.data import pins
from ae_lightning.data.prepare_documents import write_documents
from ae_lightning.datasets import Dataset, Images
from ae_lightning.errors import UserError
from ae_lightning.files import replaced

IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
IDX_UINT8 = 8

Arrays = dict[str, NDArray[np.uint8]]


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an uncompressed IDX file of unsigned bytes (format: Y. LeCun's MNIST page).

    Raises:
        UserError: if the file is absent, is not IDX of bytes, or its length belies its header.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise UserError(f"{path}: not found; run: ae fetch {path.parent.name}") from error
    if len(content) < 4 or content[0] or content[1] or content[2] != IDX_UINT8:
        raise UserError(
            f"{path}: must begin with 00 00 08 (IDX of bytes), "
            f"found {content[:3].tobytes().hex(' ')}; put an uncompressed IDX file there"
        )
    dimensions, start = int(content[3]), 4 + 4 * int(content[3])
    header = content[4:start]
    shape = header[: len(header) // 4 * 4].view(">u4").tolist()
    if len(shape) != dimensions or len(content) != start + int(np.prod(shape)):
        raise UserError(
            f"{path}: header promises {shape} bytes, found {len(content) - start}; fetch it again"
        )
    return content[start:].reshape(shape)


def idx(dataset: Images) -> Arrays:
    """Four IDX files to train, validation and test arrays."""
    arrays: Arrays = {}
    for split, (images, labels) in IDX_FILES.items():
        inputs, targets = read_idx(dataset.path / images), read_idx(dataset.path / labels)
        if len(inputs) != len(targets):
            raise UserError(
                f"{dataset.path}: needs one label per image, found {len(inputs)} images and "
                f"{len(targets)} labels in {split}; fetch the data again"
            )
        arrays |= {f"{split}_inputs": inputs, f"{split}_labels": targets}
    return arrays


def set_aside(arrays: Arrays, dataset: Images, where: str) -> Arrays:
    """Split the last ``validation`` training examples off and apply ``limit`` to every part.

    Raises:
        UserError: if nothing would be left to train on.
    """
    examples, held = len(arrays["train_inputs"]), dataset.validation
    if held >= examples:
        raise UserError(
            f"params.yaml: {where}.validation: must leave examples to train on, "
            f"found {held} of {examples}; make it smaller"
        )
    split = dict(arrays)
    for part in ("inputs", "labels"):
        split[f"train_{part}"] = arrays[f"train_{part}"][:-held]
        split[f"validation_{part}"] = arrays[f"train_{part}"][-held:]
    return {name: array[: dataset.limit] for name, array in split.items()}


def write_images(name: str, dataset: Images, folder: Path) -> None:
    """Write ``{split}_inputs.npy``, ``{split}_labels.npy`` and ``meta.json`` into ``folder``."""
    raw = idx(dataset)
    classes = [str(label) for label in range(int(raw["train_labels"].max()) + 1)]
    arrays = set_aside(raw, dataset, f"datasets.{name}")
    meta = {"kind": dataset.kind, "shape": arrays["train_inputs"].shape[1:], "classes": classes}
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


KINDS: dict[str, Callable[[str, Any, Path], None]] = {
    "idx": write_images,
    "documents": write_documents,
}


def prepare(name: str, dataset: Dataset, folder: Path) -> None:
    """Write the prepared files of ``dataset`` into ``folder``, all of them or nothing.

    Data of a known name is checked against its pinned digests first, so that a partial or altered
    download never becomes a result.
    """
    raw = Path("data") / name
    if name in pins.DATASETS and raw in (dataset.path, dataset.path.parent):
        pins.verify(name, raw.parent)
    with replaced(folder) as partial:
        KINDS[dataset.kind](name, dataset, partial)
