import numpy as np
import pytest
from scipy import ndimage

from ae_lightning.evaluation.metrics.image_moments import hole_area, slant


def drawn(*rows):
    """An image from rows of text: # is ink."""
    return np.array([[float(sign == "#") for sign in row] for row in rows])


def bar(lean, height=9, width=21):
    """A bar that leans to the right by ``lean`` pixels a row upwards, ink shared out evenly."""
    image = np.zeros((height, width))
    for row in range(height):
        column = width // 2 + lean * (height // 2 - row)
        left = int(np.floor(column))
        image[row, left] += 1 - (column - left)
        image[row, left + 1] += column - left
    return image


@pytest.mark.parametrize("lean", [0, 0.5, 1, 2, -0.25, -2])
def test_a_bar_leans_as_it_was_drawn(lean):
    assert slant(bar(lean)[None]) == pytest.approx(lean)


def test_a_slash_leans_to_the_right_a_backslash_to_the_left():
    slash = drawn("..#", ".#.", "#..")
    assert slant(np.stack([slash, slash[:, ::-1], slash[::-1]])) == pytest.approx([1, -1, -1])


def test_slant_is_the_slope_of_a_weighted_regression():
    images = np.random.default_rng(0).random((5, 6, 7)) ** 4
    rows, columns = np.mgrid[:6, :7]
    for image, found in zip(images, slant(images), strict=True):
        weights = np.sqrt(image.ravel())  # polyfit squares them
        expected = np.polyfit(-rows.ravel(), columns.ravel(), 1, w=weights)[0]
        assert found == pytest.approx(expected)


def test_slant_knows_neither_place_nor_brightness_nor_negative_ink():
    image = bar(1, 5, 9)
    moved = np.roll(np.pad(image, 3), (2, -1), (0, 1))
    assert slant(moved[None]) == pytest.approx(1)
    assert slant(0.1 * image[None]) == pytest.approx(1)
    assert slant(np.where(image == 0, -0.3, image)[None]) == pytest.approx(1)


def test_what_has_no_height_does_not_lean():
    line = drawn("...", "###", "...")
    assert slant(np.stack([line, np.zeros((3, 3))])).tolist() == [0, 0]


HOLES = {
    0: [
        drawn(".....", ".###.", ".#...", ".###.", "....."),  # open to the right
        drawn("##.##", "#...#", "#...#", "#####", "....."),  # open at the image's edge
        drawn(".....", ".....", ".....", ".....", "....."),
        drawn("#####", "#####", "#####", "#####", "#####"),
    ],
    1: [
        drawn(".....", ".###.", ".#.#.", ".###.", "....."),
        drawn(".....", "..#..", ".#.#.", "..#..", "....."),  # closed over corners
    ],
    2: [drawn("#####", "#.#.#", "#####", ".....", ".....")],  # two holes
    9: [drawn("#####", "#...#", "#...#", "#...#", "#####")],
}


@pytest.mark.parametrize(
    ("pixels", "image"), [(n, i) for n, images in HOLES.items() for i in images]
)
def test_holes_by_hand_count(pixels, image):
    assert hole_area(image[None]) == pytest.approx(pixels / 25)


def test_ink_is_brighter_than_one_half():
    ring = HOLES[1][0]
    assert hole_area(0.6 * ring[None]) == pytest.approx(1 / 25)
    assert hole_area(0.4 * ring[None]) == 0
    assert hole_area(np.maximum(ring, 0.45)[None]) == pytest.approx(1 / 25)


def test_images_do_not_leak_into_each_other():
    ring, blank = HOLES[9][0], HOLES[0][2]
    images = np.stack([blank, ring, blank, ring])
    assert hole_area(images) == pytest.approx([0, 9 / 25, 0, 9 / 25])


def test_random_images_have_scipys_holes():
    images = np.random.default_rng(0).random((20, 12, 12))
    found = hole_area(images)
    for image, area in zip(images, found, strict=True):
        ink = image >= 0.5
        assert area == pytest.approx((ndimage.binary_fill_holes(ink) & ~ink).mean())
    assert found.any()
