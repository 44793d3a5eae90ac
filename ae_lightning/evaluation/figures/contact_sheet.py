"""Contact sheet: rows of images of one shape, each with lines of text beneath."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.style import canvas, frameless, show, tile

LINE, LETTER, SIZE = 0.14, 0.05, 6.5
"""Inches of a line and of a letter beneath an image, and the letters' size in points."""

NARROWEST = 5.0
"""Inches that a title needs."""

DARK, PALE = "0.13", "0.5"


class Cell(NamedTuple):
    """An image ``(height, width)`` uint8, or with three colours last; a ``bold`` frame is broad."""

    image: NDArray[np.uint8]
    lines: Sequence[str] = ()
    bold: bool = False


def contact_sheet(title: str, rows: Sequence[Sequence[Cell]], inches: float) -> Figure:
    """Rows of cells from left to right, their images ``inches`` wide; all have one shape.

    Cells are framed if the first one has lines. A line that is wider than its image is cut.
    """
    height, width = rows[0][0].image.shape[:2]
    beneath = max(len(cell.lines) for row in rows for cell in row)
    room = round((beneath + 1) * LINE / inches * width) if beneath else 0
    gap = max(1, width // 8) if beneath else max(1, width // 14)
    cells = np.ones((len(rows), max(map(len, rows)), height + room, width, 3))
    for places, row in zip(cells, rows, strict=True):
        for place, cell in zip(places, row, strict=False):
            place[:height] = cell.image.reshape(height, width, -1) / 255
    page, pixel = tile(cells, gap), inches / width
    figure = canvas(max(NARROWEST, pixel * page.shape[1]), pixel * page.shape[0] + 0.6)
    axes = figure.add_subplot(anchor="NW")
    axes.set_title(title, size=9, loc="left")
    show(axes, page, None, interpolation="nearest")
    frameless(axes)
    longest = int(inches / LETTER)
    places = [(r, c, cell) for r, row in enumerate(rows) for c, cell in enumerate(row)]
    for down, right, cell in places if beneath else ():
        left, top = right * (width + gap) - 0.5, down * (height + room + gap) - 0.5
        look: Any = {
            "fill": False,
            "ec": DARK if cell.bold else PALE,
            "lw": 2 if cell.bold else 0.5,
        }
        axes.add_patch(Rectangle((left, top), width, height, clip_on=False, **look))
        lines = [line if len(line) <= longest else f"{line[: longest - 1]}…" for line in cell.lines]
        below: Any = {"xytext": (0, -3), "textcoords": "offset points", "va": "top"}
        axes.annotate("\n".join(lines), (left, top + height), size=SIZE, color=DARK, **below)
    return figure
