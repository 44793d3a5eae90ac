"""Charts, read back from the figure, and that all of every figure can be seen."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from ae_lightning.evaluation.figures import galleries, plots

RANDOM = np.random.default_rng(0)
SHAPE = (4, 3)


def images(count, *shape):
    return RANDOM.random((count, *(shape or (12,))))


def curve(sse, seconds):
    sse = np.array(sse)
    return {"epoch": np.arange(1.0, len(sse) + 1), "seconds": np.array(seconds), "val/sse": sse}


RACERS = {
    "scratch": [
        curve([40.0, 20, 10], [1.0, 2, 3]),
        curve([60.0, 10, 14, 5], [3.0, 4, 5, 6]),
        curve([41.0, 12, 11], [2.0, 3, 5]),
    ],
    "deep": [curve([8.0, 5, 4], [11.0, 12, 13]), curve([6.0, 5, 2], [13.0, 14, 15])],
}
SPOILT = {
    "deep": {
        "mask": {"sse@20": 30.0, "input@20": 60.0, "sse@5": 4.0, "input@5": 7.0},
        "gaussian": {"sse@10": 6.0, "input@10": 5.0},
    },
    "denoising": {
        "mask": {"sse@5": 3.0, "input@5": 7.0, "sse@20": 12.0, "input@20": 60.0},
        "gaussian": {"sse@10": 2.0, "input@10": 5.0},
    },
}
GRIDS = ([images(6, 4, 3).reshape(2, 3, 4, 3)] * 2, ["own", "box"], [((-1.5, 2), (0, 40))] * 2)
EVERY = {
    "reconstructions": lambda: plots.reconstructions(
        {"original": images(10), "a variant of long name": images(10)}, SHAPE
    ),
    "learning_curves": lambda: plots.learning_curves({"deep": RACERS["deep"][0]}),
    "race": lambda: plots.race(RACERS, {"deep": 10}),
    "corruption_curves": lambda: plots.corruption_curves(SPOILT),
    "filters": lambda: galleries.filters(images(150, 28, 28) - 0.5, "a variant of long name"),
    "few filters": lambda: galleries.filters(images(3, 5, 5) - 0.5, "a variant of long name"),
    "decoder_grids": lambda: galleries.decoder_grids(*GRIDS),
    "corruption_gallery": lambda: galleries.corruption_gallery(
        {f"kind {n}": (images(10), images(10)) for n in range(3)}, SHAPE, images(10)
    ),
    "samples_nearest": lambda: galleries.samples_nearest(
        images(16), images(16), np.ones(16), SHAPE
    ),
}


@pytest.mark.parametrize("name", EVERY)
def test_all_of_a_figure_is_on_it_and_it_is_no_wider_than_a_page(name):
    figure = EVERY[name]()
    figure.draw_without_rendering()
    box = figure.get_tightbbox()  # of everything drawn, in inches
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0
    assert width * figure.dpi <= 1600


def test_corruption_curves_by_strength_beside_the_input_itself():
    figure = plots.corruption_curves(SPOILT)
    mask, gaussian = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["mask", "gaussian"]
    lines = {line.get_label(): line for line in mask.lines}
    assert set(lines) == {"deep", "denoising", "input itself"}
    errors = {"deep": [4, 30], "denoising": [3, 12], "input itself": [7, 60]}
    for name, line in lines.items():
        assert line.get_xdata().tolist() == [0.05, 0.2]
        assert line.get_ydata().tolist() == errors[name]
        assert line.get_linestyle() == ("--" if name == "input itself" else "-")
    assert [line.get_ydata().tolist() for line in gaussian.lines] == [[6], [2], [5]]
    assert mask.get_yscale() == gaussian.get_yscale() == "log"
    assert mask.get_ylim() == gaussian.get_ylim()
    assert [bool(axes.get_legend()) for axes in figure.axes] == [True, False]


def test_a_race_shows_mean_and_range_over_seeds():
    figure = plots.race(RACERS)
    for axes, unit in zip(figure.axes, ("epoch", "seconds"), strict=True):
        assert axes.get_xlabel() == unit
        assert [line.get_label() for line in axes.lines] == ["scratch", "deep"]
        for line, band, seeds in zip(axes.lines, axes.collections, RACERS.values(), strict=True):
            x = np.mean([one[unit][:3] for one in seeds], axis=0)  # three epochs in common
            errors = np.array([one["val/sse"][:3] for one in seeds])
            np.testing.assert_allclose(line.get_xdata(), x)
            np.testing.assert_allclose(line.get_ydata(), errors.mean(0))
            (path,) = band.get_paths()
            for place, low, high in zip(x, errors.min(0), errors.max(0), strict=True):
                edge = path.vertices[path.vertices[:, 0] == place, 1]
                assert (edge.min(), edge.max()) == (low, high)
    assert [bool(axes.get_legend()) for axes in figure.axes] == [True, False]


def test_a_race_marks_the_end_of_pretraining_in_its_lines_colour():
    by_epoch, by_seconds = plots.race(RACERS, {"deep": 10.5}).axes
    assert len(by_epoch.lines) == 2
    _, deep, stroke = by_seconds.lines
    assert list(stroke.get_xdata()) == [10.5, 10.5]
    assert to_rgba(stroke.get_color()) == to_rgba(deep.get_color())
    assert "pretraining" in by_seconds.get_xlabel()
    assert "pretraining" not in by_epoch.get_xlabel()


@pytest.mark.parametrize("highest", [2.3, 4, 40, 400])
def test_errors_axis_has_enough_numbers_and_none_over_another(highest):
    figure = plots.learning_curves({"deep": curve(np.geomspace(highest, 2, 9), np.arange(9.0))})
    figure.draw_without_rendering()
    axis = figure.axes[0].yaxis
    low, high = axis.get_view_interval()
    seen = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(seen) >= 3
    for below, above in pairwise(seen):
        assert below.label1.get_window_extent().y1 < above.label1.get_window_extent().y0
        assert float(below.label1.get_text()) == pytest.approx(below.get_loc())


def named(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_classes_of_long_names_are_told_in_a_legend():
    points, labels = RANDOM.normal(size=(60, 2)), np.arange(60) % 3
    figure = plots.scatter(points, labels, ["cat", "dog", "automobile"], "codes")
    (axes,) = figure.axes
    assert named(figure) == ["cat", "dog", "automobile"]
    assert not axes.texts
    for number, dots in enumerate(axes.collections):
        np.testing.assert_array_equal(dots.get_offsets(), points[labels == number])
    handles = figure.legends[0].legend_handles
    colours = [dots.get_facecolor()[0][:3].tolist() for dots in axes.collections]
    assert [handle.get_facecolor()[0][:3].tolist() for handle in handles] == colours


def test_classes_of_one_letter_are_named_where_they_are():
    points, labels = RANDOM.normal(size=(60, 2)), np.arange(60) % 2
    figure = plots.scatter(points, labels, ["0", "1"], "codes")
    assert not figure.legends
    for number, text in enumerate(figure.axes[0].texts):
        assert text.get_text() == str(number)
        np.testing.assert_allclose(text.xy, np.median(points[labels == number], axis=0))


def test_more_classes_than_colours_say_so_and_none_have_one():
    points = RANDOM.normal(size=(60, 2))
    many = plots.scatter(points, np.arange(60) % 30, [f"class {n}" for n in range(30)], "codes")
    assert len(named(many)) == 20
    assert many.legends[0].get_title().get_text() == "20 of 30 classes"
    none = plots.scatter(points, np.zeros(60, int), [], "codes")
    assert not none.legends
    (dots,) = none.axes[0].collections
    assert len(dots.get_offsets()) == 60
