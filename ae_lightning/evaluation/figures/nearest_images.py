"""Test images and their nearest neighbours, by pixels and by codes side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ae_lightning.data.concat import ConcatenatedArrays
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.figures.image_pages import FigureInput
from ae_lightning.evaluation.figures.style import Floats, canvas, frameless, show
from ae_lightning.evaluation.image_scores import pixels
from ae_lightning.evaluation.metrics.ranking import Ints, ranking

NEAREST = 8
DATABASE = ("train", "validation")

QUERY, SAME, OTHER = "0.2", "#009E73", "#D55E00"
"""Colours of frames: green and vermilion can be told apart by the colour-blind (Okabe & Ito)."""

WIDTHS = {QUERY: 1.5, SAME: 3.5, OTHER: 1.5}
CELL = 0.7
"""Inches from one image to the next."""


@dataclass(frozen=True)
class Strip:
    """Images ``(rows, columns, *shape)`` in [0, 1] with their classes ``(rows, columns)``, if any.

    ``title`` stands above them, ``note`` beneath that.
    """

    images: Floats
    labels: Ints | None
    title: str
    note: str = ""


def neighbours(shown: FigureInput) -> dict[str, Figure]:
    """The page of queries and their nearest training or validation images."""
    data, metrics = shown.data, shown.metrics
    ways = {
        "pixels": (pixels(data), metrics["baseline"].get("pixels", {})),
        shown.name: (shown.measured.codes, metrics),
    }
    queries = Strip(*taken(data, ("test",), shown.places[:, None]), title="query")
    blocks = [
        Strip(
            *taken(data, DATABASE, nearest(vectors, shown.places)),
            title=f"nearest by {name}",
            note=_precision(scores),
        )
        for name, (vectors, scores) in ways.items()
    ]
    return {"neighbours": page(queries, blocks, data.classes, shown.greys)}


def _precision(scores: Mapping[str, Any]) -> str:
    if "retrieval" not in scores:
        return ""
    return f"precision@10 of all queries: {scores['retrieval']['precision@10']:.3f}"


def nearest(vectors: Mapping[str, NDArray[Any]], places: Ints, count: int = NEAREST) -> Ints:
    """Indices of the nearest among training and validation together, ``(queries, count)``.

    ``vectors`` are pixels or codes ``(examples, K)`` by split, ``places`` the queries' in the test
    part. Nearest first, by Euclidean distance.
    """
    database = ConcatenatedArrays([vectors[split] for split in DATABASE])
    return ranking(vectors["test"][places], database)[:, :count]


def taken(data: PreparedDataset, splits: Sequence[str], places: Ints) -> tuple[Floats, Ints | None]:
    """Images and classes, if any, at ``places`` ``(rows, columns)`` counted through the splits."""
    everything = ConcatenatedArrays([data.inputs(split) for split in splits])
    flat = np.concatenate([everything[place : place + 1] for place in places.ravel().tolist()])
    images = flat.reshape(*places.shape, *data.shape) / 255
    if not data.labelled:
        return images, None
    return images, np.concatenate([data.labels(split) for split in splits])[places]


def page(queries: Strip, blocks: Sequence[Strip], classes: Sequence[str], greys: str) -> Figure:
    """Queries ``(rows, 1)`` on the left, then blocks of what was found for each, nearest first.

    Images of the query's class have a broad green frame, others a thin red one; classes are
    written beneath, how many are the query's after each row. Without labels there is none of this.
    """
    strips = [queries, *blocks]
    rows, _, height, width, *colours = queries.images.shape
    place = Places(height, width)
    ends = accumulate((place.across * strip.images.shape[1] + width for strip in strips), initial=0)
    *lefts, whole = ends
    picture = np.full((rows * place.down, whole, *colours), 1.0 if colours else np.nan)
    inch = CELL / place.across
    figure = canvas(inch * whole, inch * rows * place.down + 0.7)
    axes = figure.add_subplot()
    for left, strip in zip(lefts, strips, strict=True):
        for row, column in np.ndindex(strip.images.shape[:2]):
            x, y = place.corner(row, column, left)
            picture[y : y + height, x : x + width] = strip.images[row, column]
        axes.text(left, -3.2 * place.gap, strip.title, size=11, weight="bold")
        axes.text(left, -1.4 * place.gap, strip.note, size=8, color="0.35")
        if strip.labels is not None and queries.labels is not None:
            same = strip.labels == queries.labels if strip is not queries else None
            _frame(axes, place, left, strip.labels, same, classes)
    show(axes, picture, greys, interpolation="nearest")
    frameless(axes)
    return figure


@dataclass(frozen=True)
class Places:
    """Layout of images of ``height`` by ``width`` pixels, with room for a name beneath each."""

    height: int
    width: int

    @property
    def gap(self) -> int:
        """Pixels from one image to the next."""
        return max(1, self.width // 8)

    @property
    def across(self) -> int:
        """Pixels from one column to the next."""
        return self.width + self.gap

    @property
    def down(self) -> int:
        """Pixels from one row to the next."""
        return self.height + 3 * self.gap

    def corner(self, row: int, column: int, left: int) -> tuple[int, int]:
        """The first pixel of an image, from the left and from the top."""
        return left + column * self.across, row * self.down


def _frame(
    axes: Axes,
    place: Places,
    left: int,
    labels: Ints,
    same: NDArray[np.bool_] | None,
    classes: Sequence[str],
) -> None:
    """Frame and name the images of a strip; ``same`` says which are of the query's class."""
    middle: Any = {"ha": "center", "va": "top", "size": 6.5}
    for (row, column), label in np.ndenumerate(labels):
        x, y = (corner - 0.5 for corner in place.corner(row, column, left))
        colour = QUERY if same is None else SAME if same[row, column] else OTHER
        look: Any = {"ec": colour, "lw": WIDTHS[colour], "fill": False, "clip_on": False}
        axes.add_patch(Rectangle((x, y), place.width, place.height, **look))
        name, below = classes[int(label)], y + place.height + 0.6 * place.gap
        axes.text(x + place.width / 2, below, name, color=colour, **middle)
    for row, right in enumerate([] if same is None else same.sum(1).tolist()):
        x, y = place.corner(row, labels.shape[1], left)
        shares = f"{right}/{labels.shape[1]}"
        colour = SAME if right else OTHER
        axes.text(x, y + place.height / 2, shares, size=9, va="center", color=colour)
