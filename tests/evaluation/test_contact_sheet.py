import matplotlib.pyplot as plt
import numpy as np
import pytest

from ae_lightning.evaluation.figures.contact_sheet import Cell, contact_sheet
from ae_lightning.inference.image_sheets import grid, pairs

RANDOM = np.random.default_rng(0)


def images(count, *shape):
    return RANDOM.integers(0, 256, (count, *shape), np.uint8)


def drawn(figure):
    """The page in bytes, where frames begin in it, and all that is written."""
    (axes,) = figure.axes
    page = np.round(axes.images[0].get_array() * 255).astype(np.uint8)
    corners = [(round(each.get_y() + 0.5), round(each.get_x() + 0.5)) for each in axes.patches]
    return page, corners, [axes.get_title("left"), *(text.get_text() for text in axes.texts)]


def test_a_row_may_be_shorter_and_a_long_line_is_cut():
    first, second, third = images(3, 4, 4)
    rows = [[Cell(first, ["a" * 50, "b"], bold=True), Cell(second)], [Cell(third, ["c"])]]
    page, corners, texts = drawn(contact_sheet("title", rows, 0.9))
    assert texts[:2] == ["title", f"{'a' * 17}…\nb"]
    for (top, left), image in zip(corners, (first, second, third), strict=True):
        assert (page[top : top + 4, left : left + 4] == image[:, :, None]).all()
    assert (page[corners[2][0] :, corners[1][1] :] == 255).all()


def test_pairs_stand_above_each_other():
    originals, back = images(12, 5, 3, 3), images(12, 5, 3, 3)
    page, corners, texts = drawn(
        pairs("net", originals, back, [[str(n), "sse"] for n in range(12)])
    )
    assert texts[:2] == ["net\nabove the originals, beneath what came back", "0\nsse"]
    assert len({top for top, _ in corners}) == 2  # ten in the first row
    for (top, left), original, other in zip(corners, originals, back, strict=True):
        assert (page[top : top + 5, left : left + 3] == original).all()
        assert (page[top + 6 : top + 11, left : left + 3] == other).all()


def test_a_grid_goes_row_after_row():
    cells = images(5, 6, 6)
    page, frames, texts = drawn(grid("title", "note", cells, 3))
    assert (frames, texts) == ([], ["title\nnote"])
    for number, image in enumerate(cells):
        top, left = (7 * place for place in divmod(number, 3))
        assert (page[top : top + 6, left : left + 6] == image[:, :, None]).all()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (4, 10)])
def test_all_is_within_the_picture(rows, columns):
    cells = [[Cell(image, ["name", "0.123"]) for image in images(columns, 28, 28)]] * rows
    figure = contact_sheet("a title, longer than three small images are wide", cells, 0.9)
    figure.canvas.draw()
    (axes,) = figure.axes
    edge = figure.bbox
    for artist in (*axes.texts, axes.title, *axes.patches):
        box = artist.get_window_extent()
        assert min(box.x0, box.y0, edge.x1 - box.x1, edge.y1 - box.y1) >= 0, artist
    plt.close(figure)
