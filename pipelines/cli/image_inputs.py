"""Image files, folders and arrays as batches of images."""

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.data.images.arrays import read_npy
from ae_lightning.data.images.decode import read_picture
from ae_lightning.data.images.folder import picture_files
from ae_lightning.errors import UserError
from ae_lightning.inference.images import ImageModel
from pipelines.cli.request import TOGETHER, Batch, BatchStream, Request, or_skip


def pictures(model: ImageModel, asked: Request) -> BatchStream:
    """The images of the inputs, in their order.

    Raises:
        UserError: an input is absent, holds no images, or is no array.
    """
    if asked.texts:
        raise UserError(
            f"--text: is for documents, and {model.name!r} is on images; give image files"
        )
    total, parts = 0, []
    for array, group in groupby(map(Path, asked.inputs), _is_array):
        if array:
            arrays = [(path, _array(path)) for path in group]
            total += sum(len(rows) for _, rows in arrays)
            parts.append(_sliced(model, arrays))
        else:
            files = [file for path in group for file in _files(path)]
            total += len(files)
            parts.append(_read(model, asked, files))
    return BatchStream(chain.from_iterable(parts), total, "images")


def _is_array(path: Path) -> bool:
    return path.suffix.lower() == ".npy" and path.is_file()


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if names := picture_files(path):
        return [path / name for name in names]
    raise UserError(f"{path}: holds no images (such as .png, .jpg, .tif); put some there")


def _array(path: Path) -> NDArray[Any]:
    array = read_npy(path)
    if not array.shape:
        raise UserError(f"{path}: must hold several images, found a single number; stack them")
    return array


def _read(model: ImageModel, asked: Request, files: Sequence[Path]) -> Iterator[Batch]:
    queue = iter(files)
    while some := list(islice(queue, TOGETHER)):
        names, images = [], []
        for path in some:
            try:
                images.append(read_picture(path, model.shape))
                names.append(str(path))
            except UserError as error:
                or_skip(asked, error)
        if images:
            yield Batch(names, np.stack(images))


def _sliced(model: ImageModel, arrays: Sequence[tuple[Path, NDArray[Any]]]) -> Iterator[Batch]:
    for path, array in arrays:
        try:
            rows = model.batches(array)
            for start in range(0, len(rows), model.batch):
                some = rows[start : start + model.batch]
                yield Batch([f"{path}:{start + place}" for place in range(len(some))], some)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
