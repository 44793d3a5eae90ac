import json

import numpy as np
import pytest
from PIL import Image

from ae_lightning.evaluation.figures.embedding import POINTS, SIDE, Plane, sheet, wide_grid
from ae_lightning.evaluation.metrics.generation import Grid
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import chain_specs


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3)])
def test_a_sheet_has_the_first_row_at_the_bottom(shape):
    images = np.random.default_rng(0).random((4, 5, *shape))
    found = np.asarray(sheet(images.reshape(4, 5, -1), shape)) / 255
    assert found.shape[:2] == (4 * 2, 5 * 3)
    for row in range(4):
        for column in range(5):
            top, left = 2 * (3 - row), 3 * column
            tile = found[top : top + 2, left : left + 3]
            assert np.allclose(tile, images[row, column].reshape(tile.shape), atol=1 / 255)


def test_what_is_decoded_covers_the_codes_and_the_box():
    codes = np.random.default_rng(0).uniform((-1, -9), (5, 1), (4000, 2)).astype(np.float32)
    stack = checkpoint.build(chain_specs(64, (2,), hidden="gelu", code="linear", output="sigmoid"))
    (left, right), (bottom, top) = wide_grid(stack, codes).corners
    assert (left, top) == (-2, 2)  # the box, where the codes end before it
    assert (right, bottom) == pytest.approx((4.94, -8.9), abs=0.05)


def test_points_are_the_first_examples_and_small(tmp_path):
    rng = np.random.default_rng(0)
    points, labels = rng.normal(size=(POINTS + 9, 2)) * 1000, np.arange(POINTS + 9) % 3 - 1
    Plane("codes", points, labels, ["wheat", "maïs"]).write(tmp_path / "plane")
    text = (tmp_path / "plane" / "plane.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert np.allclose(found["points"], points[:POINTS], rtol=5e-4)
    assert found["labels"] == labels[:POINTS].tolist()
    assert found["classes"] == ["wheat", "maïs"]
    assert "decoded" not in found
    assert not (tmp_path / "plane" / "decoded.webp").exists()
    assert len(text) < 30_000


def test_the_decoded_picture_lies_beside_the_points(tmp_path):
    codes = np.stack(np.meshgrid(np.linspace(-3, 3, SIDE), np.linspace(-2, 4, SIDE)), axis=-1)
    images = np.repeat((codes[:, :, :1] + 3) / 6, 16, axis=2)  # brighter to the right
    plane = Plane("codes", np.zeros((2, 2)), np.zeros(2, int), [], Grid(codes, images), (4, 4))
    plane.write(tmp_path / "plane")
    said = json.loads((tmp_path / "plane" / "plane.json").read_text())["decoded"]
    assert said == {"side": SIDE, "shape": [4, 4], "across": [-3, 3], "up": [-2, 4]}
    picture = np.asarray(Image.open(tmp_path / "plane" / "decoded.webp").convert("L"))
    assert picture.shape == (4 * SIDE, 4 * SIDE)
    expected = np.repeat(np.linspace(0, 255, SIDE), 4)
    assert np.abs(picture - expected).max() < 16  # WebP is lossy
