import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from ae_lightning.search.montage import Row, montage


def rows(queries, found, shape):
    random = np.random.default_rng(0)

    def image():
        return random.integers(0, 256, shape, np.uint8)

    return [
        Row(f"{query}.png", image(), [(image(), ["cat", f"0.{hit:03}"]) for hit in range(found)])
        for query in range(queries)
    ]


def drawn(figure):
    """The page in bytes, where images begin in it, and all that is written."""
    (axes,) = figure.axes
    page = np.round(axes.images[0].get_array() * 255).astype(np.uint8)
    frames = [each for each in axes.patches if isinstance(each, Rectangle)]
    corners = [(round(each.get_y() + 0.5), round(each.get_x() + 0.5)) for each in frames]
    return page, corners, [axes.get_title("left"), *(text.get_text() for text in axes.texts)]


@pytest.mark.parametrize("shape", [(6, 4, 3), (5, 9)])
def test_each_image_stands_in_its_frame(shape):
    asked = rows(3, 4, shape)
    page, corners, _ = drawn(montage("photos", asked, 3))
    images = [image for row in asked for image in (row.query, *(found for found, _ in row.found))]
    assert len(corners) == len(images) == 15
    for (top, left), image in zip(corners, images, strict=True):
        there = page[top : top + shape[0], left : left + shape[1]]
        assert (there == image.reshape(*shape[:2], -1)).all()


def test_many_are_cut_and_it_says_so():
    _, corners, texts = drawn(montage("photos", rows(33, 25, (4, 4, 3)), 33))
    assert len(corners) == 30 * (1 + 20)
    assert texts[0] == (
        "photos\nat left the first 30 of 33 queries, beside them the nearest 20 of 25"
    )
    assert texts[1] == "0.png"
    assert texts[2] == "cat\n0.000"


def test_all_is_within_the_picture():
    figure = montage(
        "a title of some length, longer than three small images", rows(2, 1, (28, 28)), 2
    )
    figure.canvas.draw()
    (axes,) = figure.axes
    edge = figure.bbox
    for artist in (*axes.texts, axes.title, *axes.patches):
        box = artist.get_window_extent()
        assert min(box.x0, box.y0, edge.x1 - box.x1, edge.y1 - box.y1) >= 0, artist
    plt.close(figure)
