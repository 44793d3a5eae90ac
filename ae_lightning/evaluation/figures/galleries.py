"""Galleries of filters, denoised images and decoder samples; each function draws one figure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ae_lightning.evaluation.figures.style import (
    INK,
    STYLE,
    Floats,
    canvas,
    frameless,
    show,
    show_rows,
    tile,
)
from ae_lightning.nn.stack import Stack

FILTERS = 100

# Few steps of colour: with 256 of them, many small images are a PNG of two to four times the size.
STEPS = 16
RED_AND_BLUE = mpl.colormaps["RdBu_r"].resampled(11)

# Smoothed before it is coloured, so that no further colours arise.
SMOOTH: Any = {"interpolation": "hanning", "interpolation_stage": "data"}

Corners = tuple[tuple[float, float], tuple[float, float]]
"""First and last value of a grid's horizontal, then of its vertical code."""


def first_filters(stack: Stack, shape: tuple[int, ...]) -> Floats:
    """Filters of the first layer's units, ``(units, height, width)``.

    Rows of a dense layer's matrix in the images' ``shape``, kernels of a convolution. Three
    channels come last, as colours; any other number of them is averaged.
    """
    weight = stack.layers[0].get_parameter("encoder.weight").detach().float().cpu().numpy()
    if weight.ndim == 2:
        return weight.reshape(-1, *shape)
    kernels = np.moveaxis(weight, 1, -1)
    return kernels if kernels.shape[-1] == 3 else kernels.mean(-1)


def filters(weights: Floats, title: str) -> Figure:
    """The first of ``weights`` ``(filters, height, width)``, each by its own largest value.

    Zero is white; of filters with three colours ``(filters, height, width, 3)`` it is grey.
    """
    shown = weights[:FILTERS]
    columns = math.ceil(len(shown) ** 0.5)
    rows = math.ceil(len(shown) / columns)
    size = 6.0 / max(columns, 6)
    figure = canvas(max(size * columns, 4.4) + 0.2, size * rows + 0.8)
    with mpl.rc_context(STYLE):
        axes = figure.add_subplot()
    whole = tile(_in_rows(_scaled(shown), columns), 1)
    axes.imshow(whole, cmap=RED_AND_BLUE, vmin=-1, vmax=1, interpolation="nearest")
    frameless(axes)
    number = f"{len(shown)} of {len(weights):,}" if len(shown) < len(weights) else f"{len(shown)}"
    axes.set_title(f"{title}: {number} filters", loc="left")
    colours = "red above, blue below zero" if weights.ndim == 3 else "grey is zero"
    axes.set_xlabel(f"{colours}; each by its own largest weight", size=9)
    return figure


def _scaled(weights: Floats) -> Floats:
    """Each by its own largest value: into [-1, 1], or [0, 1] for colours."""
    largest = np.abs(weights).max(axis=tuple(range(1, weights.ndim)), keepdims=True)
    scaled = weights / np.where(largest > 0, largest, 1)
    return scaled if weights.ndim == 3 else (1 + scaled) / 2


def _in_rows(images: Floats, columns: int) -> Floats:
    """Images ``(images, ...)`` as ``(rows, columns, ...)``, the last row filled with nothing."""
    missing = -len(images) % columns
    empty = np.nan if images.ndim == 3 else 1
    filled = np.concatenate([images, np.full_like(images[:missing], empty)])
    return filled.reshape(-1, columns, *images.shape[1:])


def decoder_grids(
    grids: Sequence[Floats], titles: Sequence[str], corners: Sequence[Corners], greys: str = INK
) -> Figure:
    """Decoded images of an even grid of 2-D codes, side by side for several ranges.

    Each grid is ``(rows, columns, height, width)`` in [0, 1], or with colours last: the
    horizontal code grows with the column, the vertical one with the row, whose first is drawn at
    the bottom.
    """
    with mpl.rc_context(STYLE):
        figure = canvas(5.0 * len(grids), 5.3)
        panels = figure.subplots(1, len(grids), squeeze=False)[0]
    for axes, grid, title, ends in zip(panels, grids, titles, corners, strict=True):
        few = mpl.colormaps[greys].resampled(STEPS)
        show(axes, tile(grid[::-1], 0), few, aspect="auto", **SMOOTH)
        axes.set(xlabel="first number of the code", box_aspect=1)
        axes.set_title(title, loc="left")
        axes.grid(visible=False)
        _name_corners(axes, grid.shape, ends)
    panels[0].set_ylabel("second number of the code")
    return figure


def _name_corners(axes: Axes, shape: tuple[int, ...], corners: Corners) -> None:
    """Write a grid's first and last values at the middle of its outermost images."""
    rows, columns, height, width = shape[:4]
    horizontal, vertical = ([f"{value:.3g}" for value in ends] for ends in corners)
    axes.set_xticks(np.array([0.5, columns - 0.5]) * width - 0.5, labels=horizontal)
    axes.set_yticks(np.array([rows - 0.5, 0.5]) * height - 0.5, labels=vertical)


def corruption_gallery(
    rows: Mapping[str, tuple[Floats, Floats]],
    shape: tuple[int, ...],
    clean: Floats,
    greys: str = INK,
) -> Figure:
    """Clean images ``(images, features)``, then for each kind the corrupted ones and the denoised.

    A row's name says kind and strength. All values are drawn from 0 to 1.
    """
    groups = {"": {"clean": clean}} | {
        kind: {"corrupted": corrupted, "reconstruction": mended}
        for kind, (corrupted, mended) in rows.items()
    }
    ratios = [len(group) for group in groups.values()]
    figure = canvas(0.8 * len(clean) + 1.4, 0.82 * sum(ratios) + 0.25 * len(rows))
    panels = figure.subplots(len(groups), height_ratios=ratios, squeeze=False)[:, 0]
    for axes, (title, group) in zip(panels, groups.items(), strict=True):
        show_rows(axes, group, shape, greys)
        axes.set_title(title, loc="left", size=10)
    return figure


def samples_nearest(
    decoded: Floats,
    nearest: Floats,
    distances: Floats,
    shape: tuple[int, ...],
    greys: str = INK,
) -> Figure:
    """Decoded images ``(images, features)``, below each its nearest training image.

    ``distances`` ``(images,)`` are the Euclidean ones between the two, written under them.
    """
    figure = canvas(0.8 * len(decoded) + 1.4, 2.1)
    axes = figure.add_subplot()
    show_rows(axes, {"decoded": decoded, "nearest\ntraining image": nearest}, shape, greys)
    axes.set_xticks(axes.get_xticks(), labels=[f"{distance:.2f}" for distance in distances])
    axes.set_xlabel("Euclidean distance between the two")
    return figure
