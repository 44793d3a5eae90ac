"""Image and label arrays in IDX and NPY files, opened and checked."""

import glob
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import Images
from ae_lightning.data.file_tree import printable
from ae_lightning.data.npy_writer import ArrayFile
from ae_lightning.data.sources import checksums
from ae_lightning.errors import UserError

IDX_BYTES = bytes([0, 0, 8])
KINDS = {
    np.lib.format.MAGIC_PREFIX: "an NPY file",
    IDX_BYTES: "an IDX file",
    b"PK": "an archive (zip or NPZ)",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x80": "a pickle",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89HDF": "an HDF5 file",
}
"""Kinds of files that are taken for arrays, by their first bytes."""
MOST_CLASSES = 2**16


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Map an uncompressed IDX file of unsigned bytes (format: Y. LeCun's MNIST page).

    Raises:
        UserError: if the file is absent, is not IDX of bytes, or its length belies its header.
    """
    begin = _begin(path)
    if begin[:3] != IDX_BYTES:
        raise UserError(
            f"{path}: must begin with 00 00 08 (IDX of bytes), found {begin[:3].hex(' ')}"
            f"{_kind(begin)}; put an uncompressed IDX file there"
        )
    with path.open("rb") as file:
        header = file.read(4 + 4 * begin[3] if len(begin) > 3 else 0)[4:]
    length = path.stat().st_size - 4 - len(header)
    shape = tuple(np.frombuffer(header[: len(header) // 4 * 4], dtype=">u4").tolist())
    if not shape or len(header) != 4 * begin[3] or length != prod(shape):
        raise UserError(
            f"{path}: header promises {list(shape)} bytes, found {length}; fetch it again"
        )
    try:
        if not length:
            return np.zeros(shape, dtype=np.uint8)
        return np.memmap(path, dtype=np.uint8, mode="r", offset=4 + len(header), shape=shape)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be mapped ({error}); write it anew") from error


def read_npy(path: Path) -> NDArray[Any]:
    """Map an NPY file.

    Raises:
        UserError: if the file is absent, or is no whole NPY file of numbers.
    """
    begin = _begin(path)
    try:
        if not begin.startswith(np.lib.format.MAGIC_PREFIX):
            raise ValueError(f"what begins with {begin.hex(' ') or 'nothing'}{_kind(begin)}")
        return np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy reads the header as Python, which may fail in any way
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: must be an array that numpy.save wrote, found {reason}; write it again"
        ) from error


def _begin(path: Path) -> bytes:
    """The first bytes of a file, which must be one: a pipe would be waited for."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UserError(f"{path}: must be a file, found something else; put a file there")
        with path.open("rb") as file:
            return file.read(8)
    except FileNotFoundError as error:
        raise not_found(path) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); mend it") from error


def _kind(begin: bytes) -> str:
    """What a file is by its first bytes, as an insertion; empty if they say nothing."""
    return next((f", {kind}" for magic, kind in KINDS.items() if begin.startswith(magic)), "")


def not_found(path: Path) -> UserError:
    """The error for raw data that is absent; names a file that it may be in."""
    known = path.parent.name in checksums.DATASETS
    advice = f"run: ae fetch {path.parent.name}" if known else "put it there or correct the path"
    name = re.split(r"-idx|\.npy", path.name)[0]
    near = sorted(each.name for each in path.parent.glob(f"{glob.escape(name)}*"))
    if near and path.name not in near:
        advice = f"there is {printable(near[0])}: unpack or convert it, or {advice}"
    return UserError(f"{path}: not found; {advice}")


@dataclass(frozen=True)
class Format:
    """A file format: its reader, and the names of its image and label files by part."""

    read: Callable[[Path], NDArray[Any]]
    files: Mapping[str, tuple[str, str]]


FORMATS = {
    "idx": Format(
        read_idx,
        {
            "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
            "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        },
    ),
    "npy": Format(
        read_npy,
        {part: (f"{part}_images.npy", f"{part}_labels.npy") for part in ("train", "test")},
    ),
}


@dataclass(frozen=True)
class ImageSplit:
    """Training or test images ``(count, *shape)`` uint8, and their labels, or None without any.

    ``classes`` is one more than the greatest label.
    """

    images: ArrayFile
    labels: ArrayFile | None
    count: int
    shape: tuple[int, ...]
    classes: int


def open_parts(dataset: Images) -> dict[str, ImageSplit]:
    """The training and the test part, checked.

    Raises:
        UserError: a file is absent or broken, of the wrong type or shape; labels are not numbers
            from 0 on, one for each image; a part is empty, or unlike the other.
    """
    style = FORMATS[dataset.kind]
    parts = {part: _open(dataset.path, part, style) for part in style.files}
    train, test = parts["train"], parts["test"]
    if train.shape != test.shape:
        raise UserError(
            f"{dataset.path}: images must be of one size, found {train.shape} in train and "
            f"{test.shape} in test; bring them to one"
        )
    if bool(train.labels) != bool(test.labels):
        there, absent = (train, "test") if train.labels else (test, "train")
        assert there.labels
        raise UserError(
            f"{dataset.path}: both parts must have labels or none, found {there.labels.path.name} "
            f"and no {style.files[absent][1]}; add or remove one"
        )
    return parts


def _open(folder: Path, part: str, style: Format) -> ImageSplit:
    images, labels = (ArrayFile(folder / name, style.read) for name in style.files[part])
    count, shape = _images(images)
    if not labels.path.exists() and not labels.path.is_symlink():
        return ImageSplit(images, None, count, shape, 0)
    return ImageSplit(images, labels, count, shape, _classes(labels, count, part))


def _images(source: ArrayFile) -> tuple[int, tuple[int, ...]]:
    array = source.read(source.path)
    count, *shape = array.shape or (0,)
    if array.dtype != np.uint8 or len(shape) not in (2, 3) or (*shape, 1)[2] not in (1, 3):
        raise UserError(
            f"{source.path}: images must be uint8 (N, height, width) or (N, height, width, 1 or 3),"
            f" found {array.dtype} {array.shape}; convert them"
        )
    if not array.size:
        raise UserError(f"{source.path}: must hold images, found {array.shape}; put some there")
    return count, tuple(shape) if shape[2:] == [3] else tuple(shape[:2])


def _classes(source: ArrayFile, count: int, part: str) -> int:
    array = source.read(source.path)
    if array.dtype.kind not in "iu" or not array.shape or array.shape[1:] not in ((), (1,)):
        raise UserError(
            f"{source.path}: labels must be whole numbers (N,), found {array.dtype} {array.shape}; "
            "convert them"
        )
    if len(array) != count:
        raise UserError(
            f"{source.path.parent}: needs one label per image, found {count} images and "
            f"{len(array)} labels in {part}; put matching files there"
        )
    low = min(int(block.min()) for block in source.blocks(0, count))
    high = max(int(block.max()) for block in source.blocks(0, count))
    if low < 0 or high >= MOST_CLASSES:
        raise UserError(
            f"{source.path}: labels must be numbers from 0 to {MOST_CLASSES - 1}, found "
            f"{low if low < 0 else high}; number the classes from 0"
        )
    return high + 1
