"""Checks of a model's inputs: images, codes, labels and texts; an error is one line.

Legend: N examples, K numbers in a code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from ae_lightning.errors import UserError
from ae_lightning.nn.finite import LARGEST, beyond

Floats = NDArray[np.float32]
Shape = tuple[int, ...]

SLACK = 1e-6
"""How far beyond [0, 1] a float may be: what scaling and rounding leave there."""


@dataclass(frozen=True)
class UnitImages:
    """Images as floats in [0, 1], flat and checked a slice at a time: ``(N, features)``.

    ``array`` is uint8 or floats ``(N, ...)``, perhaps memory-mapped.
    """

    array: NDArray[Any]

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: slice) -> Floats:
        some = self.array[rows].reshape(len(self.array[rows]), -1)
        if some.dtype == np.uint8:
            return some.astype(np.float32) * np.float32(1 / 255)
        _check_range(some, rows.start)
        return some.astype(np.float32).clip(0, 1)


def unit_images(images: ArrayLike, shape: Shape) -> UnitImages:
    """Images of ``shape``, ``(height, width)`` or with colours last, as :class:`UnitImages`.

    Raises:
        UserError: they are sparse, of another shape, neither uint8 nor floats, or (when asked for)
            not finite or outside of [0, 1].
    """
    if issparse(images):
        raise UserError("images: must be dense, found a sparse matrix; convert it with toarray()")
    array = np.asarray(images)
    fitting = [(*shape, 1)] if len(shape) == 2 else []
    if array.shape[1:] not in [shape, (prod(shape),), *fitting]:
        raise UserError(
            f"images: must be (N, {_listed(shape)}) or flat (N, {prod(shape)}), found "
            f"{array.shape}; {_advice(array.shape, shape)}"
        )
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise UserError(
            f"images: must be uint8 from 0 to 255 or floats from 0 to 1, found {array.dtype}; "
            "convert them with astype"
        )
    return UnitImages(array)


def checked_codes(codes: ArrayLike, size: int) -> Floats:
    """Codes ``(N, K)`` as float32.

    Raises:
        UserError: they are no numbers, of another shape, not finite, or so large that a net could
            not compute with them.
    """
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] != size:
        advice = "for one code give code[None]" if array.shape == (size,) else "give a row for each"
        raise UserError(f"codes: must be (N, {size}), found {array.shape}; {advice}")
    if array.dtype.kind not in "fiu":
        raise UserError(f"codes: must be numbers, found {array.dtype}; convert them")
    _check_finite(array, "codes", 0)
    if (outside := beyond(array)).any():
        row, column = np.argwhere(outside)[0]
        raise UserError(
            f"codes: must be from {-LARGEST:g} to {LARGEST:g}, found {array[row, column]:g} in row "
            f"{row} (value {column}); scale them"
        )
    return array.astype(np.float32)


def checked_labels(labels: object, count: int, classes: Sequence[str]) -> NDArray[np.intp]:
    """Numbers or names of ``classes``, one for each of ``count`` examples, as numbers ``(N,)``.

    Raises:
        UserError: there are others, or another number of them.
    """
    array = np.asarray([] if labels is None else labels)
    if array.shape != (count,):
        raise UserError(
            f"y: must have the class of each of {count:,} images, found {array.shape}; give as many"
        )
    if array.dtype.kind not in "iu":
        numbers = {name: number for number, name in enumerate(classes)}
        array = np.array([numbers.get(str(name), -1) for name in array])
    if (wrong := np.flatnonzero((array < 0) | (array >= len(classes)))).size:
        found = np.asarray(labels)[wrong[0]]
        raise UserError(
            f"y[{wrong[0]}]: must be one of {', '.join(classes)}, or its number, found {found}; "
            "correct it"
        )
    return array.astype(np.intp)


def checked_texts(texts: Sequence[str]) -> list[str]:
    """Texts as a list.

    Raises:
        UserError: it is one text instead of several, or some are no strings.
    """
    if isinstance(texts, str):
        raise UserError("texts: must be a list of texts, found one text; put it into [ ]")
    listed = list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise UserError(
                f"texts[{place}]: must be a string, found {type(text).__name__}; convert it"
            )
    return listed


def _advice(found: Shape, shape: Shape) -> str:
    if found in (shape, (prod(shape),)):
        return "for one image give image[None]"
    if len(found) in (3, 4) and found[1:3] == shape[:2]:
        wanted = "three colours" if len(shape) == 3 else "grey"
        return f"the model is for images in {wanted}, so convert them"
    return "scale or cut them to that size"


def _listed(shape: Shape) -> str:
    return ", ".join(map(str, shape))


def _check_finite(array: NDArray[Any], name: str, start: int) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UserError(
            f"{name}: must be finite, found {array[row, column]} in row {start + row} "
            f"(value {column}); remove or mend it"
        )


def _check_range(array: NDArray[Any], start: int) -> None:
    _check_finite(array, "images", start)
    outside = (array < -SLACK) | (array > 1 + SLACK)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        value = float(array[row, column])
        advice = "divide by 255, or give uint8" if 1 < array.max() <= 255 else "scale them"
        raise UserError(
            f"images: floats must be from 0 to 1, found {value:g} in row {start + row} "
            f"(value {column}); {advice}"
        )
