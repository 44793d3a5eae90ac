"""Picture of search results: a row for each query, the query at left, its nearest beside it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.contact_sheet import Cell, contact_sheet

QUERIES, FOUND = 30, 20
"""Rows of a page, and images beside the query, at most."""

INCHES = 0.9
"""Width of an image."""


class Row(NamedTuple):
    """A query, its name, and what was found, nearest first, with the lines beneath each."""

    name: str
    query: NDArray[np.uint8]
    found: Sequence[tuple[NDArray[np.uint8], Sequence[str]]]


def montage(title: str, rows: Sequence[Row], queries: int) -> Figure:
    """A page of the first of ``rows``; all images are of one shape, colours last.

    It says so if more ``queries`` were answered, or more was found, than is shown.
    """
    shown, count = rows[:QUERIES], len(rows[0].found)
    left = f"the first {len(shown)} of {queries:,} queries" if len(shown) < queries else "queries"
    beside = f"the nearest {FOUND} of {count:,}" if count > FOUND else "their nearest"
    cells = [
        [Cell(row.query, [row.name], bold=True), *(Cell(*found) for found in row.found[:FOUND])]
        for row in shown
    ]
    return contact_sheet(f"{title}\nat left {left}, beside them {beside}", cells, INCHES)
