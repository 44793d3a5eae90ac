import numpy as np
import pytest

from ae_lightning.search.montage import Row, montage
from tests.evaluation.test_contact_sheet import drawn


def rows(queries, found, shape):
    random = np.random.default_rng(0)

    def image():
        return random.integers(0, 256, shape, np.uint8)

    return [
        Row(f"{query}.png", image(), [(image(), ["cat", f"0.{hit:03}"]) for hit in range(found)])
        for query in range(queries)
    ]


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
