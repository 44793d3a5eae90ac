"""Pages of images: pairs of originals and reconstructions, and grids of decoded images.

Legend: images are uint8 ``(N, height, width)``, or with three colours last.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ae_lightning.search.montage import GAP, LINE, MARGIN, PALE, SIDE, Page

Images = NDArray[np.uint8]

PAIRS, ACROSS = 60, 10
"""Pairs on a page, and in a row of it, at most."""

WIDE = 1000
"""About how many pixels a grid is wide; small images are enlarged."""


def pairs(
    title: str, originals: Images, back: Images, lines: Sequence[Sequence[str]]
) -> Image.Image:
    """Originals above reconstructions, with ``lines`` beneath each pair; a row has ten pairs."""
    count, columns = len(originals), min(len(originals), ACROSS)
    scale = max(1, round(SIDE / max(originals.shape[1:3])))
    height, width = (scale * side for side in originals.shape[1:3])
    cell = max(width, SIDE) + GAP
    tall = 2 * height + (len(lines[0]) + 2) * LINE
    top = MARGIN + 4 * LINE
    page = Page.new(
        max(2 * MARGIN + columns * cell - GAP, WIDE // 2),
        top + ceil(count / columns) * tall - LINE,
    )
    page.write(MARGIN, MARGIN, title, size=15)
    page.write(MARGIN, MARGIN + 22, "above the originals, beneath what came back", colour=PALE)
    for number, (original, other) in enumerate(zip(originals, back, strict=True)):
        row, column = divmod(number, columns)
        x, y = MARGIN + column * cell, top + row * tall
        page.show(x, y, original, scale, frame=1)
        page.show(x, y + height + 3, other, scale, frame=1)
        for place, line in enumerate(lines[number]):
            below = y + 2 * height + 6 + place * LINE
            page.write(x, below, line, cell - GAP, colour=PALE)
    return page.picture


def grid(title: str, note: str, images: Images, columns: int) -> Image.Image:
    """Images side by side, row after row, with ``note`` beneath the title."""
    height, width = images.shape[1:3]
    scale = max(1, round(WIDE / (columns * width)))
    step = scale * width + 2, scale * height + 2
    top = MARGIN + 3 * LINE
    page = Page.new(
        max(2 * MARGIN + columns * step[0] - 2, WIDE // 2),
        top + ceil(len(images) / columns) * step[1] - 2 + MARGIN,
    )
    page.write(MARGIN, MARGIN, title, size=15)
    page.write(MARGIN, MARGIN + 22, note, colour=PALE)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        large = Image.fromarray(image.repeat(scale, 0).repeat(scale, 1))
        page.picture.paste(large, (MARGIN + column * step[0], top + row * step[1]))
    return page.picture


def plane(side: int, box: float) -> NDArray[np.float32]:
    """An even grid of codes ``(side * side, 2)`` over the square from ``-box`` to ``box``.

    Row after row from the top: the first number grows to the right, the second upwards.
    """
    values = np.linspace(-box, box, side, dtype=np.float32)
    first, second = np.meshgrid(values, values[::-1])
    return np.stack([first.ravel(), second.ravel()], axis=1)
