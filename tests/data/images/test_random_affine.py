import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from ae_lightning.config.classifiers import Moves
from ae_lightning.data.images.augment import affine_maps, random_affine

ALL = Moves(shift=1.5, rotate=40, scale=0.3, shear=0.2)


def images(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 6, 8, 3)])
def test_without_moves_images_are_as_they_were(shape):
    x = images(*shape)
    assert torch.equal(random_affine(x, Moves()), x.flatten(1).float() * (1 / 255))


@pytest.mark.parametrize("how", [ALL, Moves(shift=2), Moves(rotate=90), Moves(shear=0.4)])
def test_images_are_moved_as_scipy_moves_them(how):
    x = images(4, 9, 12)
    torch.manual_seed(3)
    found = random_affine(x, how).view(4, 9, 12)
    torch.manual_seed(3)
    for image, answer, matrix in zip(
        x.numpy() / 255, found, affine_maps(4, (9, 12), how), strict=True
    ):
        down, right = np.meshgrid(
            (np.arange(9) + 0.5) / 4.5 - 1, (np.arange(12) + 0.5) / 6 - 1, indexing="ij"
        )
        places = np.stack([right.ravel(), down.ravel(), np.ones(108)])
        across, along = matrix.numpy().astype(float) @ places
        pixels = [(along + 1) * 4.5 - 0.5, (across + 1) * 6 - 0.5]
        # "grid-constant" mixes what is at the border with the nothing outside, as we do.
        truth = map_coordinates(image, pixels, order=1, mode="grid-constant")
        np.testing.assert_allclose(answer.ravel(), truth, atol=2e-5)


def test_maps_stay_within_their_bounds_and_fill_them():
    found = affine_maps(4000, (10, 20), Moves(shift=2))
    shifts = found[:, :, 2].abs().amax(0)
    assert torch.all(shifts <= torch.tensor([0.2, 0.4]))
    assert torch.all(shifts > torch.tensor([0.19, 0.39]))
    assert torch.equal(found[:, :, :2], torch.eye(2).expand(4000, 2, 2))
    turned = affine_maps(4000, (10, 10), Moves(rotate=30))[:, :, :2]
    angles = torch.atan2(turned[:, 1, 0], turned[:, 0, 0]).abs()
    assert math.radians(29) < angles.max() <= math.radians(30) + 1e-6
    assert torch.allclose(turned @ turned.mT, torch.eye(2).expand(4000, 2, 2), atol=1e-6)
    scaled = affine_maps(4000, (10, 10), Moves(scale=0.5))[:, :, :2].diagonal(dim1=1, dim2=2)
    assert 0.5 <= scaled.min() < 0.51
    assert 1.49 < scaled.max() <= 1.5


def test_each_image_has_draws_of_its_own():
    torch.manual_seed(0)
    found = random_affine(images(1, 8, 8).expand(5, 8, 8), ALL)
    assert len({tuple(row.tolist()) for row in found}) == 5
