"""Picture of search results: a row for each query, the query at left, its nearest beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Images = NDArray[np.uint8]

QUERIES, FOUND = 30, 20
"""Rows of a page, and images beside the query, at most."""

SIDE = 96
"""About how many pixels the longer side of an image is drawn with; small ones are enlarged."""

MARGIN, GAP, LINE = 20, 10, 16
"""Pixels around the page, between images, and of a line of text."""

INK, PALE = "#222222", "#808080"


class Row(NamedTuple):
    """A query, its name, and what was found, nearest first, with the lines beneath each."""

    name: str
    query: Images
    found: Sequence[tuple[Images, Sequence[str]]]


def montage(title: str, rows: Sequence[Row], queries: int) -> Image.Image:
    """A page of the first of ``rows``; all images are of one shape, colours last.

    It says so if more ``queries`` were answered, or more was found, than is shown.
    """
    shown, count = rows[:QUERIES], len(rows[0].found)
    layout = Layout.of(shown[0].query.shape, len(shown[0].found[0][1]))
    columns = min(count, FOUND)
    page = Page.new(layout.left(columns + 1) - GAP + MARGIN, layout.top(len(shown)) - 2 * LINE)
    page.write(MARGIN, MARGIN, title, size=15)
    page.write(MARGIN, MARGIN + 22, _note(len(shown), queries, columns, count), colour=PALE)
    for number, row in enumerate(shown):
        _draw(page, layout, layout.top(number), row)
    return page.picture


def _note(rows: int, queries: int, columns: int, count: int) -> str:
    left = f"the first {rows} of {queries:,} queries" if rows < queries else "queries"
    found = f"the nearest {columns} of {count:,}" if columns < count else "their nearest"
    return f"at left {left}, beside them {found}"


@dataclass(frozen=True)
class Layout:
    """Positions of images on a page, in pixels; each is enlarged ``scale`` times."""

    scale: int
    width: int
    height: int
    lines: int

    @classmethod
    def of(cls, shape: tuple[int, ...], lines: int) -> "Layout":
        """For images of ``shape`` with so many lines beneath each."""
        scale = max(1, round(SIDE / max(shape[:2])))
        return cls(scale, scale * shape[1], scale * shape[0], lines)

    @property
    def cell(self) -> int:
        """Width of an image or of the lines beneath it."""
        return max(self.width, SIDE)

    def left(self, column: int) -> int:
        """Where a column begins; the queries are column 0, and set apart."""
        return MARGIN + column * (self.cell + GAP) + (2 * GAP if column else 0)

    def top(self, row: int) -> int:
        """Where the images of a row begin, beneath its name."""
        return MARGIN + 5 * LINE + row * (self.height + (self.lines + 3) * LINE)


class Page(NamedTuple):
    """A picture and its drawing context."""

    picture: Image.Image
    draw: ImageDraw.ImageDraw

    @classmethod
    def new(cls, width: int, height: int) -> "Page":
        """A white page."""
        picture = Image.new("RGB", (width, height), "white")
        return cls(picture, ImageDraw.Draw(picture))

    def write(
        self, x: int, y: int, text: str, width: int = 0, size: int = 12, colour: str = INK
    ) -> None:
        """Write a line from its top left, cut to ``width`` pixels or at the margin."""
        width = width or self.picture.width - MARGIN - x
        self.draw.text((x, y), cut(text, width, font(size)), fill=colour, font=font(size))

    def show(self, x: int, y: int, image: Images, scale: int, frame: int) -> None:
        """Draw an image, each pixel as a square, in a frame."""
        large = Image.fromarray(image.repeat(scale, 0).repeat(scale, 1))
        box = (x - frame, y - frame, x + large.width + frame - 1, y + large.height + frame - 1)
        self.draw.rectangle(box, outline=INK if frame > 1 else PALE, width=frame)
        self.picture.paste(large, (x, y))


def _draw(page: Page, layout: Layout, top: int, row: Row) -> None:
    page.write(MARGIN, top - LINE - 5, row.name)
    page.show(MARGIN, top, row.query, layout.scale, frame=3)
    for column, (image, lines) in enumerate(row.found[:FOUND], start=1):
        left, below = layout.left(column), top + layout.height + 3
        page.show(left, top, image, layout.scale, frame=1)
        for number, line in enumerate(lines):
            colour = PALE if number else INK
            page.write(left, below + number * LINE, line, layout.cell, colour=colour)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of matplotlib's figures."""
    path = Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), size)


def cut(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """As much of ``text`` as fits into ``width`` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"
