"""Pictures of what a variant does; each function draws one figure and returns it."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.scale import AsinhScale
from matplotlib.ticker import AsinhLocator, LogLocator, NullLocator
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


HEAVY_TAIL = 6
"""Range over interquartile range from which on an axis is squeezed."""


def _figure(width: float, height: float) -> Figure:
    with mpl.rc_context(STYLE):
        return Figure(figsize=(width, height), layout="constrained")


def reconstructions(rows: Mapping[str, Floats], shape: tuple[int, ...]) -> Figure:
    """Rows of images ``(images, features)`` in [0, 1] under each other, each with its title."""
    columns = len(next(iter(rows.values())))
    figure = _figure(0.72 * columns + 1.6, 0.82 * len(rows))
    for number, (title, images) in enumerate(rows.items()):
        for column, image in enumerate(images):
            axes = figure.add_subplot(len(rows), columns, number * columns + column + 1)
            axes.imshow(image.reshape(shape), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if column == 0:
                axes.set_ylabel(title, rotation=0, ha="right", va="center", labelpad=8)
    return figure


def scatter(points: Floats, labels: NDArray[Any], classes: Sequence[str], title: str) -> Figure:
    """Points ``(examples, 2)`` coloured by class, the class's name at the median of its points."""
    with mpl.rc_context(STYLE):
        figure = _figure(7.2, 6.4)
        axes = figure.add_subplot()
        colours = mpl.colormaps["tab10" if len(classes) <= 10 else "tab20"]
        for number, name in enumerate(classes):
            chosen = points[labels == number]
            axes.scatter(
                chosen[:, 0], chosen[:, 1], s=5, alpha=0.55, linewidths=0, color=colours(number)
            )
            if len(chosen):
                axes.annotate(
                    name,
                    np.median(chosen, axis=0),
                    ha="center",
                    va="center",
                    weight="bold",
                    bbox={"boxstyle": "circle", "fc": "white", "ec": colours(number), "alpha": 0.9},
                )
        axes.set_title(title, loc="left")
        _squeeze_tails(axes, points)
    return figure


def _squeeze_tails(axes: Axes, points: Floats) -> None:
    """Draw far-out points nearer (asinh scale) on an axis whose middle they would squash."""
    for name, values in zip("xy", points.T, strict=True):
        low, high = np.quantile(values, (0.25, 0.75))
        if np.ptp(values) > HEAVY_TAIL * (high - low) > 0:
            width = (high - low) / 2
            axes.set(**{f"{name}scale": AsinhScale(None, linear_width=width)})
            axis = getattr(axes, f"{name}axis")
            axis.set_major_locator(AsinhLocator(width, numticks=7))
            axis.set_major_formatter("{x:g}")
            axis.set_label_text("asinh scale")


def learning_curves(curves: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """Squared error on validation by epoch and by seconds; one line per named training.

    Each curve has columns ``epoch``, ``seconds`` and ``val/sse``.
    """
    with mpl.rc_context(STYLE):
        figure = _figure(9.6, 3.8)
        for place, unit in enumerate(("epoch", "seconds"), start=1):
            axes = figure.add_subplot(1, 2, place)
            for name, curve in curves.items():
                axes.plot(curve[unit], curve["val/sse"], marker=".", ms=3, label=name)
            axes.set(xlabel=unit, yscale="log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 2.5, 3, 4, 5, 7)))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter("{x:g}")
            if place == 1:
                axes.set_ylabel("squared error per image, validation")
                axes.legend(frameon=False)
    return figure
