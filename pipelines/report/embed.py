"""Pictures embedded in the page as WebP data URIs, so that it needs no other file."""

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ae_lightning.artifacts import remedy
from ae_lightning.errors import reading

QUALITY = 80
WIDTH = 1200
"""Pixels of a picture's width at most."""

COLUMNS = 40
"""Examples in a row of a sheet."""


def picture(path: Path, caption: str, most: int = WIDTH, quality: int = QUALITY) -> dict[str, Any]:
    """A picture file as ``uri``, with its ``width`` and ``height`` in pixels and a ``caption``.

    One that is wider than ``most`` is made smaller.
    """
    with reading(path, remedy(path)), Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((most, 10 * most))
    return {
        "uri": uri(image, quality),
        "width": image.width,
        "height": image.height,
        "caption": caption,
    }


def uri(image: Image.Image, quality: int = QUALITY) -> str:
    """An image as a data URI."""
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=2)
    return as_uri(buffer.getvalue())


def as_uri(webp: bytes) -> str:
    """The bytes of a WebP file as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")


def sheet(images: NDArray[np.uint8], shape: Sequence[int]) -> dict[str, Any]:
    """Images ``(examples, ...)`` of ``shape`` side by side, 40 in a row.

    ``uri`` with where to find each: ``count``, ``columns``, and ``width`` and ``height`` of one.
    """
    count, (height, width) = len(images), shape[:2]
    rows = -(-count // COLUMNS)
    colours = shape[2:] if tuple(shape[2:]) == (3,) else ()
    whole = np.zeros((rows * COLUMNS, height, width, *colours), dtype=np.uint8)
    whole[:count] = images.reshape(count, height, width, *colours)
    tiled = whole.reshape(rows, COLUMNS, height, width, *colours).swapaxes(1, 2)
    page = Image.fromarray(tiled.reshape(rows * height, COLUMNS * width, *colours))
    return {
        "uri": uri(page),
        "count": count,
        "columns": COLUMNS,
        "width": width,
        "height": height,
    }
