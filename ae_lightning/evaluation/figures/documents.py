"""Figures of document codes: precision against recall, and the plane of two-number codes."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from ae_lightning.evaluation.figures.style import STYLE, Floats, canvas
from ae_lightning.evaluation.metrics.hamming import most_frequent

Bools = NDArray[np.bool_]

DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MARKERS = "osD^v"
"""Markers of the members of a family, which share their colour."""

TOPIC_COLOURS = ("C0", "C1", "C2", "C3", "C4", "C9", "C6", "C8", "C5")
"""Those of matplotlib's cycle that are not grey."""

MAIN = 8
"""Topics that get a colour."""

LEGEND_RECALL = "0.1"
"""Recall at whose precision the legend is ordered."""

NATS = "cross-entropy in nats, validation"
"""Error in the learning curves of documents."""

RECALL_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)

TAIL = 0.005
"""Share of the points that may be drawn on each end of an axis instead of beyond it."""

FAR = 1.5
"""Range of all points over that of the middle ones from which on an axis ends before the tails."""


def precision_recall(curves: Mapping[str, Mapping[str, float]]) -> Figure:
    """Precision by recall, a line per variant; recall on a logarithmic axis.

    ``curves`` holds for each variant the precision in [0, 1] at levels of recall in (0, 1], as
    ``precision_at_recall`` of ``score_retrieval``. Variants that differ in a last "-number" alone
    share a colour. The legend is ordered by the precision at recall 0.1, given in it.
    """
    looks = _looks(list(curves))
    order = sorted(curves, key=lambda name: -curves[name][LEGEND_RECALL])
    with mpl.rc_context(STYLE):
        figure = canvas(9.2, 5.2)
        axes = figure.add_subplot()
        for name in order:
            levels = sorted(curves[name], key=float)
            values = [curves[name][level] for level in levels]
            label = f"{name}  {curves[name][LEGEND_RECALL]:.2f}"
            axes.plot([float(level) for level in levels], values, label=label, **looks[name])
        axes.set(xscale="log", xlabel="recall", ylabel="precision (interpolated)", ylim=(0, 1))
        axes.set_xticks(RECALL_TICKS, [f"{tick:g}" for tick in RECALL_TICKS])
        axes.xaxis.set_minor_locator(NullLocator())
        title = f"precision at recall {LEGEND_RECALL}"
        _legend_beside(axes, title=title, handlelength=4.5)
    return figure


def _looks(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour per family of names, a dash and a marker for each of its members."""
    families: dict[str, list[str]] = {}
    for name in names:
        stem, _, last = name.rpartition("-")
        families.setdefault(stem if last.isdigit() else name, []).append(name)
    return {
        name: {
            "color": f"C{family % 10}",
            "linestyle": DASHES[place % len(DASHES)],
            "marker": MARKERS[place % len(MARKERS)],
            "markersize": 4,
        }
        for family, members in enumerate(families.values())
        for place, name in enumerate(members, start=family // 10)  # colours come again
    }


def topics(
    points: Floats, labels: Bools, classes: Sequence[str], title: str, main: int = MAIN
) -> Figure:
    """Documents ``(documents, 2)`` in the plane, coloured by their main topic.

    Labels ``(documents, classes)``; the ``main`` most frequent, 9 at most, get a colour. A
    document with several of them has that of the rarest, one with none of them is light grey. The
    legend counts the documents of a colour. Those far out are drawn on the border, and the axis
    says so.
    """
    return topics_beside({title: points}, labels, classes, main)


def topics_beside(
    panels: Mapping[str, Floats], labels: Bools, classes: Sequence[str], main: int = MAIN
) -> Figure:
    """The plane of ``topics`` for several codes ``(documents, 2)`` of the same documents."""
    chosen = main_columns(labels, main)
    width = min(5.4, 12 / len(panels))
    places = main_topics(labels[:, chosen])
    with mpl.rc_context(STYLE):
        figure = canvas(width * len(panels) + 2, width)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for panel, (title, points) in zip(axes, panels.items(), strict=True):
            _draw_topics(panel, points, places, [classes[column] for column in chosen])
            panel.set_title(title, loc="left")
        (grey, *coloured), _ = axes[-1].get_legend_handles_labels()
        look = {"handles": [*coloured, grey], "markerscale": 3, "handletextpad": 0.2}
        _legend_beside(axes[-1], title="main topic (documents)", **look)
    return figure


def main_columns(labels: Bools, main: int = MAIN) -> NDArray[np.integer[Any]]:
    """Columns of the most frequent classes of ``(documents, classes)``, most frequent first."""
    return most_frequent(labels, min(main, len(TOPIC_COLOURS)))


def main_topics(labels: Bools) -> NDArray[np.intp]:
    """The last, rarest column that a document has of ``(documents, main)``; -1 if it has none."""
    none = np.pad(labels, ((0, 0), (1, 0)), constant_values=True)
    return labels.shape[1] - 1 - none[:, ::-1].argmax(1)


def _draw_topics(
    axes: Axes, points: Floats, places: NDArray[np.intp], names: Sequence[str]
) -> None:
    """The grey ones first, the rarest topic last, so that the many do not cover the few."""
    x, y = (_limit(axes, name, values) for name, values in zip("xy", points.T, strict=True))
    for place, name in enumerate(["another or none", *names], start=-1):
        chosen = places == place
        colour = "0.85" if place < 0 else TOPIC_COLOURS[place]
        label = f"{name} ({chosen.sum():,})"
        axes.scatter(
            x[chosen], y[chosen], s=5, linewidths=0, color=colour, label=label, clip_on=False
        )


def _limit(axes: Axes, name: str, values: Floats) -> Floats:
    """End an axis before its tails where they would squash the middle; the values, moved inside."""
    ends = np.quantile(values, (TAIL, 1 - TAIL))
    if np.ptp(values) <= FAR * np.ptp(ends) or not np.ptp(ends):
        return values
    label = f"{2 * TAIL:.0%} beyond, drawn on the border"
    axes.set(**{f"{name}lim": ends, f"{name}label": label})
    return np.clip(values, *ends)


def _legend_beside(axes: Axes, **look: Any) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, alignment="left", **look)
