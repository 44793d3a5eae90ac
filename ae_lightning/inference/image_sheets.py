"""Pages of images: pairs of originals and reconstructions, and grids of decoded images.

Legend: images are uint8 ``(N, height, width)``, or with three colours last.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.contact_sheet import Cell, contact_sheet

Images = NDArray[np.uint8]

PAIRS, ACROSS = 60, 10
"""Pairs on a page, and in a row of it, at most."""

INCHES, WIDE = 0.9, 7.0
"""Width of an image of a pair, and of a grid."""


def pairs(title: str, originals: Images, back: Images, lines: Sequence[Sequence[str]]) -> Figure:
    """Originals above reconstructions, with ``lines`` beneath each pair; a row has ten pairs."""
    between = np.full((1, *originals.shape[2:]), 255, np.uint8)
    cells = [
        Cell(np.concatenate([original, between, other]), below)
        for original, other, below in zip(originals, back, lines, strict=True)
    ]
    title = f"{title}\nabove the originals, beneath what came back"
    return contact_sheet(title, _rows(cells, ACROSS), INCHES)


def grid(title: str, note: str, images: Images, columns: int) -> Figure:
    """Images side by side, row after row, with ``note`` beneath the title."""
    cells = [Cell(image) for image in images]
    return contact_sheet(f"{title}\n{note}", _rows(cells, columns), WIDE / columns)


def _rows(cells: Sequence[Cell], columns: int) -> list[Sequence[Cell]]:
    return [cells[start : start + columns] for start in range(0, len(cells), columns)]


def plane(side: int, box: float) -> NDArray[np.float32]:
    """An even grid of codes ``(side * side, 2)`` over the square from ``-box`` to ``box``.

    Row after row from the top: the first number grows to the right, the second upwards.
    """
    values = np.linspace(-box, box, side, dtype=np.float32)
    first, second = np.meshgrid(values, values[::-1])
    return np.stack([first.ravel(), second.ravel()], axis=1)
