"""Figures of a variant: reconstructions, codes, learning curves; each function returns one."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.scale import AsinhScale
from matplotlib.ticker import AsinhLocator, LogLocator, NullLocator
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.style import INK, STYLE, Floats, canvas, show_rows

HEAVY_TAIL = 6
"""Range over interquartile range from which on an axis is squeezed."""

WIDE = 30
"""Largest over smallest error from which on the axis has fewer tick labels."""

UNITS = ("epoch", "seconds")

NAMED = 20
"""Classes that have a colour of their own."""


def reconstructions(rows: Mapping[str, Floats], shape: tuple[int, ...], greys: str = INK) -> Figure:
    """Rows of images ``(images, features)`` in [0, 1] under each other, each with its title."""
    figure = canvas(0.8 * len(next(iter(rows.values()))) + 1.4, 0.82 * len(rows))
    show_rows(figure.add_subplot(), rows, shape, greys)
    return figure


def scatter(points: Floats, labels: NDArray[Any], classes: Sequence[str], title: str) -> Figure:
    """Points ``(examples, 2)`` coloured by class; without classes they have one colour.

    Classes of one letter are named at the median of their points, others in a legend.
    """
    initials = max(map(len, classes), default=0) == 1
    with mpl.rc_context(STYLE):
        figure = canvas(7.2 if initials or not classes else 8.8, 6.4)
        axes = figure.add_subplot()
        colours = mpl.colormaps["tab10" if len(classes) <= 10 else "tab20"]
        for number, name in enumerate(classes or [""]):
            chosen, colour = points[labels == number], colours(number % colours.N)
            look: Any = {"s": 5, "alpha": 0.55, "linewidths": 0, "color": colour, "label": name}
            axes.scatter(chosen[:, 0], chosen[:, 1], **look)
            if initials and len(chosen):
                _name(axes, name, np.median(chosen, axis=0), colour)
        if classes and not initials:
            _legend(figure, len(classes))
        axes.set_title(title, loc="left")
        _squeeze_tails(axes, points)
    return figure


def _name(axes: Axes, name: str, place: Any, colour: Any) -> None:
    box = {"boxstyle": "circle", "fc": "white", "ec": colour, "alpha": 0.9}
    axes.annotate(name, place, ha="center", va="center", weight="bold", bbox=box)


def _legend(figure: Figure, classes: int) -> None:
    """Name the colours beside the panel: names of many letters would hide each other on it."""
    handles = figure.axes[0].get_legend_handles_labels()[0][:NAMED]
    title = f"{NAMED} of {classes} classes" if classes > NAMED else None
    look: Any = {"markerscale": 3, "handletextpad": 0.2, "frameon": False, "title": title}
    legend = figure.legend(handles=handles, loc="outside right upper", **look)
    for dot in legend.legend_handles:
        if dot is not None:
            dot.set_alpha(1)


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


def learning_curves(
    curves: Mapping[str, Mapping[str, Floats]],
    column: str = "val/sse",
    error: str = "squared error per image, validation",
) -> Figure:
    """An error on validation by epoch and by seconds; one line per named training.

    Each curve has columns ``epoch``, ``seconds`` and the error's, which ``error`` explains.
    """
    with mpl.rc_context(STYLE):
        figure = canvas(9.6, 3.8)
        for axes, unit in zip(figure.subplots(1, 2), UNITS, strict=True):
            for name, curve in curves.items():
                axes.plot(curve[unit], curve[column], marker=".", ms=3, label=name)
            axes.set_xlabel(unit)
            _log_errors(axes)
        _explain(figure, error)
    return figure


def race(
    curves: Mapping[str, Sequence[Mapping[str, Floats]]], pretraining: Mapping[str, float] = {}
) -> Figure:
    """Squared error on validation by epoch and by seconds: mean and range over trainings.

    ``curves`` holds for each name the trainings that differ in their seed alone, each with columns
    ``epoch``, ``seconds`` (pretraining counted) and ``val/sse``; epochs that not all of them
    reached are left out. ``pretraining`` has the mean seconds of it for each pretrained name: a
    stroke on the axis of seconds.
    """
    with mpl.rc_context(STYLE):
        figure = canvas(9.6, 4.0)
        for axes, unit in zip(figure.subplots(1, 2), UNITS, strict=True):
            for number, (name, seeds) in enumerate(curves.items()):
                _mean_and_range(axes, seeds, unit, label=name, color=f"C{number}")
            axes.set_xlabel(unit)
            _log_errors(axes)
        _explain(figure, "squared error per image, validation")
        for number, name in enumerate(curves):
            if name in pretraining:
                axes.axvline(pretraining[name], ymax=0.06, color=f"C{number}", lw=2)
                axes.set_xlabel("seconds (stroke: end of pretraining)")
    return figure


def _mean_and_range(
    axes: Axes, seeds: Sequence[Mapping[str, Floats]], unit: str, **look: Any
) -> None:
    epochs = min(len(curve["epoch"]) for curve in seeds)
    x = np.mean([curve[unit][:epochs] for curve in seeds], axis=0)
    errors = np.stack([curve["val/sse"][:epochs] for curve in seeds])
    axes.plot(x, errors.mean(0), **look)
    axes.fill_between(x, errors.min(0), errors.max(0), color=look["color"], alpha=0.2, lw=0)


def corruption_curves(metrics: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Squared error against the clean image by strength: a panel per kind of corruption.

    ``metrics`` holds for each name and kind ``sse@PERCENT``, the error of the reconstruction, and
    ``input@PERCENT``, that of the corrupted image itself, which all names share.
    """
    first = next(iter(metrics.values()))
    with mpl.rc_context(STYLE):
        figure = canvas(3.4 * len(first) + 0.8, 3.8)
        panels = figure.subplots(1, len(first), sharey=True, squeeze=False)[0]
        for axes, kind in zip(panels, first, strict=True):
            for name, kinds in metrics.items():
                axes.plot(*_by_strength(kinds[kind], "sse"), marker=".", label=name)
            look = {"color": "0.4", "linestyle": "--", "label": "input itself"}
            axes.plot(*_by_strength(first[kind], "input"), **look)
            axes.set_title(kind, loc="left")
            axes.set_xlabel("strength")
            _log_errors(axes)
        _explain(figure, "squared error per image\nagainst the clean image, test")
    return figure


def _by_strength(errors: Mapping[str, float], what: str) -> tuple[list[float], list[float]]:
    """Strengths, ascending, and the errors ``what@PERCENT`` at them."""
    named = (key.partition("@") for key in errors)
    percents = sorted((text for name, _, text in named if name == what), key=float)
    return [float(p) / 100 for p in percents], [errors[f"{what}@{p}"] for p in percents]


def _log_errors(axes: Axes) -> None:
    """A logarithmic vertical axis with as many plain numbers as have room, if any is above 0."""
    if axes.dataLim.minposy == np.inf:
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1, 1.5, 2, 2.5, 3, 4, 5, 7) if high / low < WIDE else (1, 2, 5)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _explain(figure: Figure, error: str) -> None:
    """Label the axis and add the legend in the first panel alone."""
    figure.axes[0].set_ylabel(error)
    figure.axes[0].legend(frameon=False)
