"""Figures of classifiers: error by number of labels, and misclassified images."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.figures.style import INK, STYLE, canvas
from ae_lightning.evaluation.reference_results import PUBLISHED

Curve = Mapping[int, tuple[float, float]]

APART = 1.09
"""Least ratio of two errors at which their names do not overlap."""

LEAST = 1e-4
"""Value at which an error of 0 is drawn: a logarithmic axis has no 0."""


def error_curves(curves: Mapping[str, Curve], dataset: str) -> Figure:
    """Test error by number of labels, both logarithmic: mean and band of a standard deviation.

    ``curves`` maps names to number of labels, mean and standard deviation over seeds. Published
    errors on ``dataset`` are marks.
    """
    with mpl.rc_context(STYLE):
        figure = canvas(10.2, 5.2)
        axes = figure.add_subplot()
        for number, (name, curve) in enumerate(curves.items()):
            labels, means, sds = _columns(curve)
            axes.plot(labels, means, marker="o", ms=4, label=name, color=f"C{number}")
            low = np.maximum(means - sds, means / 2)
            axes.fill_between(labels, low, means + sds, color=f"C{number}", alpha=0.2, lw=0)
        _scales(axes, sorted({labels for curve in curves.values() for labels in curve}))
        _published(axes, dataset)
        axes.set_xlabel("labelled training images")
        axes.set_ylabel("test error (band: ± one standard deviation over seeds)")
        figure.legend(frameon=False, loc="outside right upper")
    return figure


def _columns(curve: Curve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = np.array(sorted(curve))
    means, sds = np.array([curve[number] for number in labels]).T
    return labels, np.maximum(means, LEAST), sds


def _scales(axes: Axes, labels: Sequence[int]) -> None:
    axes.set(xscale="log", yscale="log")
    axes.xaxis.set_major_locator(FixedLocator(labels))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())


def _published(axes: Axes, dataset: str) -> None:
    """Marks with names; a name that would hide another one is moved below it."""
    found = PUBLISHED.get(dataset, ())
    grey = "0.35"
    for number, figure in enumerate(found):
        label = "published" if number == 0 else None
        axes.plot(figure.labels, figure.error, "x", color=grey, ms=6, label=label)
    for labels in {figure.labels for figure in found}:
        height = float("inf")
        beside = [figure for figure in found if figure.labels == labels]
        for figure in sorted(beside, key=lambda figure: -figure.error):
            height = min(figure.error, height / APART)
            place = (figure.labels * 1.06, height)
            axes.annotate(figure.system, place, color=grey, fontsize=7.5, va="center")
    if found:
        axes.set_xlim(right=max(axes.get_xlim()[1], 60_000 * 5))


def mistakes(hardest: Sequence[tuple[int, int, int]], data: PreparedDataset) -> Figure:
    """Misclassified test images with class and majority answer, ``(place, class, answer)``."""
    columns = 10
    rows = max(1, -(-len(hardest) // columns))
    with mpl.rc_context(STYLE):
        figure = canvas(0.95 * columns, 1.25 * rows + 0.4)
        figure.suptitle("most often mistaken: its class → what most nets say", x=0.01, ha="left")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes in panels:
            axes.axis("off")
        for axes, (place, label, answer) in zip(panels, hardest, strict=False):
            axes.imshow(data.inputs("test")[place], cmap=INK)
            axes.set_title(f"{data.classes[label]} → {data.classes[answer]}", fontsize=9)
    return figure
