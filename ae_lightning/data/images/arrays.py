"""Image and label arrays in IDX and NPY files, opened and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import Images
from ae_lightning.data.npy_writer import ArrayFile
from ae_lightning.data.sources import checksums
from ae_lightning.errors import UserError

IDX_UINT8 = 8
MOST_CLASSES = 2**16


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Map an uncompressed IDX file of unsigned bytes (format: Y. LeCun's MNIST page).

    Raises:
        UserError: if the file is absent, is not IDX of bytes, or its length belies its header.
    """
    try:
        with path.open("rb") as file:
            begin = np.frombuffer(file.read(4), dtype=np.uint8)
            header = file.read(4 * int(begin[3]) if len(begin) == 4 else 0)
    except FileNotFoundError as error:
        raise not_found(path) from error
    if len(begin) < 4 or begin[0] or begin[1] or begin[2] != IDX_UINT8:
        raise UserError(
            f"{path}: must begin with 00 00 08 (IDX of bytes), "
            f"found {begin[:3].tobytes().hex(' ')}; put an uncompressed IDX file there"
        )
    dimensions, length = int(begin[3]), path.stat().st_size - 4 - len(header)
    shape = tuple(np.frombuffer(header[: len(header) // 4 * 4], dtype=">u4").tolist())
    if len(shape) != dimensions or length != int(np.prod(shape)):
        raise UserError(
            f"{path}: header promises {list(shape)} bytes, found {length}; fetch it again"
        )
    if not length:
        return np.zeros(shape, dtype=np.uint8)
    return np.memmap(path, dtype=np.uint8, mode="r", offset=4 + len(header), shape=shape)


def read_npy(path: Path) -> NDArray[Any]:
    """Map an NPY file.

    Raises:
        UserError: if the file is absent, or is no whole NPY file of numbers.
    """
    try:
        array = np.load(path, mmap_mode="r")
    except FileNotFoundError as error:
        raise not_found(path) from error
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: must be a whole NPY file of numbers ({reason}); write it by numpy.save"
        ) from error
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: must be an NPY file, found an archive; write it by numpy.save")
    return array


def not_found(path: Path) -> UserError:
    """The error for raw data that is absent."""
    known = path.parent.name in checksums.DATASETS
    advice = f"run: ae fetch {path.parent.name}" if known else "put it there or correct the path"
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
    if not labels.path.exists():
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
