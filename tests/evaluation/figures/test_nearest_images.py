"""Which images stand where on the page, by scikit-learn's neighbours."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.neighbors import NearestNeighbors

from ae_lightning.evaluation.figures.image_pages import FigureInput
from ae_lightning.evaluation.figures.nearest_images import (
    NEAREST,
    OTHER,
    QUERY,
    SAME,
    nearest,
    neighbours,
)
from ae_lightning.evaluation.image_scores import pixels
from ae_lightning.evaluation.metrics.sampling import one_of_each

DATABASE = ("train", "validation")


def coded(data):
    """Codes that are the mean brightness of the rows, by split."""
    return {
        split: data.inputs(split).reshape(len(data.inputs(split)), 8, -1).mean(2)
        for split in ("train", "validation", "test")
    }


def expected(vectors, queries):
    database = np.concatenate([vectors[split] for split in DATABASE]).astype(float)
    search = NearestNeighbors(n_neighbors=NEAREST, algorithm="brute").fit(database)
    return search.kneighbors(vectors["test"][queries].astype(float))[1]


@pytest.fixture
def page(monkeypatch):
    """Draw the page of a dataset by its codes ``coded``."""

    def of(data, metrics):
        case = SimpleNamespace(name="deep", data=data)
        shown = FigureInput(case, SimpleNamespace(codes=coded(data)), metrics, "gray")
        return neighbours(shown)["neighbours"]

    return of


@pytest.mark.parametrize("vectors", [pixels, coded])
def test_the_nearest_are_scikit_learns(colours, vectors):
    queries = np.array([3, 0, 17])
    found = nearest(vectors(colours), queries)
    assert np.array_equal(found, expected(vectors(colours), queries))


def test_each_row_has_its_query_and_what_is_nearest_by_pixels_and_by_codes(colours, page):
    (axes,) = page(colours, {"baseline": {}}).axes
    picture, queries = np.asarray(axes.images[0].get_array()), one_of_each(colours)
    images = np.concatenate([colours.inputs(split) for split in DATABASE]) / 255
    labels = np.concatenate([colours.labels(split) for split in DATABASE])
    places = [expected(vectors, queries) for vectors in (pixels(colours), coded(colours))]
    wanted = np.concatenate([queries[:, None], *places], 1)  # as the eye goes along the rows
    frames = sorted(axes.patches, key=lambda frame: (frame.get_y(), frame.get_x()))
    assert len(frames) == wanted.size
    for number, frame in enumerate(frames):
        row, column = divmod(number, 1 + 2 * NEAREST)
        place, query = wanted[row, column], queries[row]
        top, left = round(frame.get_y() + 0.5), round(frame.get_x() + 0.5)
        drawn = picture[top : top + 8, left : left + 8]
        same = labels[place] == colours.labels("test")[query]
        colour = QUERY if column == 0 else SAME if same else OTHER
        image = images[place] if column else colours.inputs("test")[query] / 255
        np.testing.assert_array_equal(drawn, image)
        assert to_hex(frame.get_edgecolor()) == to_hex(colour)


def test_names_shares_and_precisions_are_written(colours, page):
    retrieval = {"retrieval": {"precision@10": 0.25}}
    metrics = {"retrieval": {"precision@10": 0.5}, "baseline": {"pixels": retrieval}}
    (axes,) = page(colours, metrics).axes
    written, queries = [text.get_text() for text in axes.texts], one_of_each(colours)
    labels = np.concatenate([colours.labels(split) for split in DATABASE])
    shares = [
        f"{(labels[places] == colours.labels('test')[query]).sum()}/{NEAREST}"
        for vectors in (pixels(colours), coded(colours))
        for query, places in zip(queries, expected(vectors, queries), strict=True)
    ]
    assert [text for text in written if "/" in text] == shares
    names = [text for text in written if text in colours.classes]
    assert names[: len(queries)] == list(colours.classes)
    assert len(names) == len(queries) * (1 + 2 * NEAREST)
    for title in ("query", "nearest by pixels", "nearest by deep"):
        assert title in written
    assert [text[-5:] for text in written if "precision@10" in text] == ["0.250", "0.500"]


def test_without_labels_there_are_images_and_titles_alone(unlabelled, page):
    (axes,) = page(unlabelled, {"baseline": {}}).axes
    assert not axes.patches
    titles = ["query", "nearest by pixels", "nearest by deep"]
    assert [text.get_text() for text in axes.texts if text.get_text()] == titles
    picture = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(picture[:8, :6], unlabelled.inputs("test")[0] / 255)
    assert np.isnan(picture[:8, 6]).all()


def test_all_of_the_page_is_on_it(colours, page):
    names = tuple(f"a class of long name {number}" for number in range(4))
    figure = page(replace(colours, classes=names), {"baseline": {}})
    figure.draw_without_rendering()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -0.05  # half of a frame
    assert width * figure.dpi <= 1600
