"""Moved copies of images: each kind of change against an array moved by hand."""

import numpy as np
import pytest
import torch

from ae_lightning.config.layers import Views
from ae_lightning.data.datamodule import copies
from ae_lightning.data.images.augment import move, recolour, shift, view


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.rand(40, 6, 8, 3)


def test_without_changes_a_copy_is_the_image(images):
    torch.testing.assert_close(view(images, Views()), images)


def test_a_flip_mirrors_about_half_of_them(images):
    moved = move(images, Views(flip=True))
    mirrored = (moved - images.flip(2)).abs().amax((1, 2, 3)) < 1e-5
    kept = (moved - images).abs().amax((1, 2, 3)) < 1e-5
    assert (mirrored | kept).all()
    assert 8 < mirrored.sum() < 32


def test_a_shift_is_by_whole_pixels_and_mirrors_the_edge(images):
    moved = move(images, Views(shift=2)).numpy()
    seen = set()
    for image, copy in zip(images.numpy(), moved, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="symmetric")
        places = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if np.allclose(padded[down : down + 6, right : right + 8], copy, atol=1e-4)
        ]
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 10


def test_a_crop_shows_a_part_in_full_size():
    ramp = torch.linspace(0, 1, 32)[None, None, :, None].expand(200, 32, 32, 1)
    moved = move(ramp, Views(crop=0.25))
    width = moved[:, 16, -1, 0] - moved[:, 16, 0, 0]
    assert width.min() > 0.45  # half as wide at least, as its area is a quarter at least
    assert width.max() < 1.001
    assert width.std() > 0.05
    assert moved.shape == ramp.shape


def test_colours_change_by_factors_and_some_are_grey(images):
    changed = recolour(images, 0.4)
    grey = (changed.std(3) < 1e-6).all((1, 2))
    assert 1 <= grey.sum() < 20
    for image, copy in zip(images[~grey], changed[~grey], strict=True):
        for colour in range(3):
            x, y = image[..., colour].flatten().numpy(), copy[..., colour].flatten().numpy()
            slope, offset = np.polyfit(x, y, 1)
            np.testing.assert_allclose(slope * x + offset, y, atol=1e-5)
            assert 0.6 * 0.8 - 1e-5 <= slope <= 1.4 * 1.2 + 1e-5
    assert recolour(images, 0) is images


@pytest.mark.parametrize("shape", [(6, 8), (6, 8, 3)])
@pytest.mark.parametrize("agreement", [0, 1.0])
def test_copies_stand_behind_the_image(shape, agreement):
    images = torch.randint(0, 256, (5, *shape), dtype=torch.uint8)
    batch = copies(images, Views(flip=True, agreement=agreement))
    assert batch.shape == (5, 3 if agreement else 2, images[0].numel())
    torch.testing.assert_close(batch[:, 0], images.flatten(1).float() / 255)
    torch.testing.assert_close(batch[:, 1].sort(1).values, batch[:, 0].sort(1).values)


def test_colours_are_shifted_together():
    image = torch.zeros(1, 5, 5, 3, dtype=torch.uint8)
    image[0, 2, 2] = torch.tensor([1, 2, 3], dtype=torch.uint8)
    moved = shift(image.expand(50, -1, -1, -1), 1)
    assert (moved.sum((1, 2)) == torch.tensor([1, 2, 3])).all()
    assert len({tuple(m.sum(2).nonzero()[0].tolist()) for m in moved}) == 9
