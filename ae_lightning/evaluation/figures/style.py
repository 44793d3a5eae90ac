"""Common style of the figures, and images tiled into one picture."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "font.size": 10,
    "figure.dpi": 110,
}

GAP = 2
"""Pixels between the images of a gallery."""

INK = "gray_r"
"""Colour map of grey images of bright strokes on dark ground; photographs are as they are."""


def canvas(width: float, height: float) -> Figure:
    """An empty figure in our style, in inches; no room is left around images."""
    with mpl.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="compressed")


def tile(images: Floats, gap: int) -> Floats:
    """Images ``(rows, columns, height, width)``, or with colours last, as one picture.

    ``gap`` pixels between neighbours are NaN, which is not drawn, or white between colours.
    """
    rows, columns, height, width, *colours = images.shape
    around = [(0, 0), (0, 0), (0, gap), (0, gap), *((0, 0) for _ in colours)]
    spaced = np.pad(images, around, constant_values=1 if colours else np.nan)
    height, width = height + gap, width + gap
    whole = spaced.swapaxes(1, 2).reshape(rows * height, columns * width, *colours)
    return whole[: rows * height - gap, : columns * width - gap]


def show_rows(
    axes: Axes, rows: Mapping[str, Floats], shape: tuple[int, ...], greys: str = INK
) -> None:
    """Rows of images ``(images, features)`` under each other, each with its title.

    Their range is [0, 1], what is beyond is drawn like its ends. The columns have ticks without
    labels, for those who want to write under them.
    """
    images = np.stack([row.reshape(-1, *shape) for row in rows.values()])
    show(axes, tile(images, GAP), greys, interpolation="nearest")
    frameless(axes)
    axes.set_xticks(_centres(images.shape[1], shape[1]), labels=[""] * images.shape[1])
    axes.set_yticks(_centres(len(rows), shape[0]), labels=list(rows))
    axes.tick_params(length=0)


def show(axes: Axes, picture: Floats, greys: Any, **how: Any) -> None:
    """Draw a picture ``(height, width)`` in ``greys``, or with colours last as it is, 0 to 1."""
    if picture.ndim == 3:
        picture = np.nan_to_num(picture).clip(0, 1)  # matplotlib would, with a warning
    axes.imshow(picture, cmap=greys, vmin=0, vmax=1, **how)


def frameless(axes: Axes) -> None:
    """Leave only what is drawn, its title and its labels."""
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _centres(count: int, size: int) -> Floats:
    return np.arange(count) * (size + GAP) + (size - 1) / 2
