"""Picture of search results: a row for each query, the query at left, its nearest beside it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.style import canvas, frameless, show, tile

Images = NDArray[np.uint8]

QUERIES, FOUND = 30, 20
"""Rows of a page, and images beside the query, at most."""

CELL, LINE = 0.9, 0.16
"""Inches of the longer side of an image, and of a line of text."""

NARROWEST = 5.0
"""Inches that a page's title needs."""

FRAME, PALE = "0.13", "0.5"


class Row(NamedTuple):
    """A query, its name, and what was found, nearest first, with the lines beneath each."""

    name: str
    query: Images
    found: Sequence[tuple[Images, Sequence[str]]]


def montage(title: str, rows: Sequence[Row], queries: int) -> Figure:
    """A page of the first of ``rows``; all images are of one shape, colours last.

    It says so if more ``queries`` were answered, or more was found, than is shown.
    """
    shown, count = rows[:QUERIES], len(rows[0].found)
    columns = 1 + min(count, FOUND)
    height, width = shown[0].query.shape[:2]
    pixel = CELL / max(height, width)
    lines = round((len(shown[0].found[0][1]) + 1) * LINE / pixel)
    gap = max(1, width // 8)
    cells = np.ones((len(shown), columns, height + lines, width, 3))
    for cell, row in zip(cells, shown, strict=True):
        images = (row.query, *(image for image, _ in row.found[:FOUND]))
        cell[:, :height] = np.stack(images).reshape(columns, height, width, -1) / 255
    page = tile(cells, gap)
    figure = canvas(max(NARROWEST, pixel * page.shape[1]), pixel * page.shape[0] + 0.6)
    axes = figure.add_subplot(anchor="NW")
    axes.set_title(f"{title}\n{_note(len(shown), queries, columns - 1, count)}", size=9, loc="left")
    show(axes, page, None, interpolation="nearest")
    frameless(axes)
    for number, row in enumerate(shown):
        top = number * (height + lines + gap)
        below = [[row.name], *(captions for _, captions in row.found[:FOUND])]
        for column, captions in enumerate(below):
            left = column * (width + gap)
            _caption(axes, (left - 0.5, top - 0.5), (width, height), captions, bold=not column)
    return figure


def _note(rows: int, queries: int, columns: int, count: int) -> str:
    left = f"the first {rows} of {queries:,} queries" if rows < queries else "queries"
    found = f"the nearest {columns} of {count:,}" if columns < count else "their nearest"
    return f"at left {left}, beside them {found}"


def _caption(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[int, int],
    lines: Sequence[str],
    *,
    bold: bool,
) -> None:
    """Frame an image and write lines beneath it, each as wide as the image."""
    look: Any = {"fill": False, "ec": FRAME if bold else PALE, "lw": 2 if bold else 0.5}
    axes.add_patch(Rectangle(corner, *size, clip_on=False, **look))
    place = (corner[0], corner[1] + size[1])
    text = "\n".join(line if len(line) < 19 else f"{line[:17]}…" for line in lines)
    axes.annotate(text, place, (0, -3), textcoords="offset points", va="top", size=6, color=FRAME)
