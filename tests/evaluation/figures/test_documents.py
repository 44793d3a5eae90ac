"""Figures of document codes, read back, and that all of every figure can be seen."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from ae_lightning.evaluation.figures import documents as module
from ae_lightning.evaluation.figures.documents import (
    main_topics,
    precision_recall,
    topics,
    topics_beside,
)

RANDOM = np.random.default_rng(0)
NAMES = [
    *("binary", "tfidf", "lsa-2", "lsa-10", "lsa-128", "text-2", "text-10", "text-128"),
    *(f"text-hash-{bits}" for bits in (8, 16, 32, 64, 128)),
    "seq2seq",
]
CURVES = {
    name: {"0.01": 0.9 - place / 50, "1.0": 0.1, "0.1": 0.7 - (place * 5 % 14) / 50}
    for place, name in enumerate(NAMES)
}
CLASSES = ["acq", "corn", "earn", "grain", "gold"]


def documents(count=60):
    """Points, and labels of which the columns 2, 0 and 3 are the most frequent, in that order."""
    shares = np.array([0.4, 0.05, 0.7, 0.2, 0.0])
    labels = np.arange(count)[:, None] * np.array([7, 11, 1, 13, 1]) % count < shares * count
    return RANDOM.normal(size=(count, 2)), labels


EVERY = {
    "precision_recall": lambda: precision_recall(CURVES),
    "topics": lambda: topics(*documents(), CLASSES, "a variant of long name, test documents"),
    "two": lambda: topics_beside(
        {"lsa-2": documents()[0], "text-2": documents()[0]}, documents()[1], CLASSES
    ),
    "three with far points": lambda: topics_beside(
        {name: RANDOM.standard_cauchy((60, 2)) for name in ("lsa-2", "text-2", "far")},
        documents()[1],
        CLASSES,
    ),
}


@pytest.mark.parametrize("name", EVERY)
def test_all_of_a_figure_is_on_it_and_it_is_no_wider_than_a_page(name):
    figure = EVERY[name]()
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0
    assert width * figure.dpi <= 1600


def test_precision_by_recall_as_given():
    (axes,) = precision_recall(CURVES).axes
    lines = {line.get_label().split()[0]: line for line in axes.lines}
    assert set(lines) == set(CURVES)
    for name, line in lines.items():
        assert line.get_xdata().tolist() == [0.01, 0.1, 1]
        assert line.get_ydata().tolist() == [CURVES[name][key] for key in ("0.01", "0.1", "1.0")]
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [
        "0.01",
        "0.02",
        "0.05",
        "0.1",
        "0.2",
        "0.5",
        "1",
    ]


def test_the_legend_is_ordered_by_the_precision_it_shows():
    (axes,) = precision_recall(CURVES).axes
    entries = [text.get_text().split() for text in axes.get_legend().get_texts()]
    assert entries[0] == [NAMES[0], "0.70"]
    values = [float(value) for _, value in entries]
    assert values == sorted(values, reverse=True)
    assert dict(entries) == {name: f"{curve['0.1']:.2f}" for name, curve in CURVES.items()}


def looks(names):
    (axes,) = precision_recall(dict.fromkeys(names, CURVES["tfidf"])).axes
    return {
        line.get_label().split()[0]: (line.get_color(), line.get_marker()) for line in axes.lines
    }


@pytest.mark.parametrize("names", [NAMES, [f"v{letter}" for letter in "abcdefghijklmn"]])
def test_fourteen_variants_look_different(names):
    assert len({str(look) for look in looks(names).values()}) == 14


def test_a_family_shares_its_colour_and_no_other_has_it():
    colours = {name: look[0] for name, look in looks(NAMES).items()}
    families = {}
    for name, colour in colours.items():
        families.setdefault(colour, set()).add(name.rstrip("0123456789"))
    assert sorted(map(sorted, families.values())) == [
        [family] for family in ("binary", "lsa-", "seq2seq", "text-", "text-hash-", "tfidf")
    ]


def test_a_document_has_the_rarest_of_its_main_topics():
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1], [0, 1, 1]], dtype=bool)
    assert main_topics(labels).tolist() == [0, 1, -1, 2, 2]


def test_documents_stand_where_they_are_in_their_topics_colour():
    points, labels = documents()
    (axes,) = topics(points, labels, CLASSES, "lsa-2", main=3).axes
    rarest = [
        next((name for name in ("grain", "acq", "earn") if row[CLASSES.index(name)]), "another")
        for row in labels
    ]
    drawn = {group.get_label().split()[0]: group for group in axes.collections}
    assert list(drawn) == ["another", "earn", "acq", "grain"]  # the rarest above
    for name, group in drawn.items():
        expected = points[np.array(rarest) == name]
        assert 0 < len(expected) < 60
        np.testing.assert_array_equal(group.get_offsets(), expected)
        assert group.get_label().endswith(f"({len(expected)})")
    colours = [to_hex(group.get_facecolor()[0]) for group in drawn.values()]
    assert len(set(colours)) == 4
    shown = [text.get_text().split()[0] for text in axes.get_legend().get_texts()]
    assert shown == ["earn", "acq", "grain", "another"]


def test_no_topic_is_grey_and_each_has_its_own_colour():
    colours = [to_hex(colour) for colour in module.TOPIC_COLOURS]
    assert len(set(colours)) == len(colours) == 9
    assert not [colour for colour in colours if colour[1:3] == colour[3:5] == colour[5:7]]
    points, labels = RANDOM.normal(size=(200, 2)), np.eye(20, dtype=bool).repeat(10, 0)
    (axes,) = topics(points, labels, [f"t{n}" for n in range(20)], "many", main=20).axes
    assert len(axes.collections) == 10


def test_panels_share_one_legend_and_their_colours():
    points, labels = documents()
    left, right = topics_beside({"lsa-2": points, "text-2": -points}, labels, CLASSES).axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["lsa-2", "text-2"]
    assert [bool(axes.get_legend()) for axes in (left, right)] == [False, True]
    for one, other in zip(left.collections, right.collections, strict=True):
        assert one.get_label() == other.get_label()
        np.testing.assert_array_equal(one.get_facecolor(), other.get_facecolor())
        np.testing.assert_array_equal(one.get_offsets(), -other.get_offsets())


def test_far_documents_stand_on_the_border_and_the_axis_says_so():
    points, labels = RANDOM.uniform(-1, 1, (2000, 2)), np.zeros((2000, 1), dtype=bool)
    points[:4, 0] = 50, -50, 70, 80
    (axes,) = topics(points, labels, ["earn"], "far").axes
    drawn = axes.collections[0].get_offsets()
    low, high = axes.get_xlim()
    assert -1.1 < low < -0.9 < 0.9 < high < 1.1
    np.testing.assert_array_equal(drawn[:4, 0], [high, low, high, high])
    middle = np.abs(points[:, 0]) < 0.9
    np.testing.assert_array_equal(drawn[middle], points[middle])
    np.testing.assert_array_equal(drawn[:, 1], points[:, 1])
    assert axes.get_xlabel() == "1% beyond, drawn on the border"
    assert axes.get_ylabel() == ""
