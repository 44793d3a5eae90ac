from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.config.layers import UnpoolingName
from ae_lightning.errors import UserError
from ae_lightning.nn.layers.unpooling import UNPOOLINGS, repeat, switches, transposed

SIZES = pytest.mark.parametrize(("pool", "kernel"), [(1, 3), (2, 3), (2, 5), (3, 3), (3, 5)])
SHAPE = (2, 3, 6, 12)
"""Examples, maps, height and width of what was pooled."""

KEEP = torch.eye(3).double()[..., None, None], torch.zeros(3).double()
"""Weight and bias of a deconvolution that leaves its three maps as they are."""


def kernels(kernel):
    """Weight and bias from three maps to two channels."""
    torch.manual_seed(kernel)
    return torch.randn(3, 2, kernel, kernel).double(), torch.randn(2).double()


def deconvolved(image, weight, bias):
    """Convolution with reversed kernels of an image with zeros around it."""
    padded = F.pad(torch.as_tensor(image), (weight.shape[-1] // 2,) * 4)
    return F.conv2d(padded, weight.flip(2, 3).transpose(0, 1), bias)


def pooled_by_hand(image, pool):
    """Maxima of every window, their indices, and the image with all else at zero."""
    height, width = SHAPE[2] // pool, SHAPE[3] // pool
    pooled, positions = np.zeros((*SHAPE[:2], height, width)), np.zeros((*SHAPE[:2], height, width))
    kept = np.zeros(SHAPE)
    for *where, i, j in product(*map(range, pooled.shape)):
        window = image[*where, i * pool : (i + 1) * pool, j * pool : (j + 1) * pool]
        row, column = np.unravel_index(window.argmax(), window.shape)
        row, column = i * pool + row, j * pool + column
        pooled[*where, i, j] = kept[*where, row, column] = window.max()
        positions[*where, i, j] = row * SHAPE[3] + column
    return torch.tensor(pooled), torch.tensor(positions).long(), torch.tensor(kept)


def test_every_configurable_unpooling_has_its_function():
    assert set(UNPOOLINGS) == set(get_args(UnpoolingName))


@SIZES
def test_switches_put_values_back_where_the_maxima_were(pool, kernel):
    image = np.random.default_rng(0).standard_normal(SHAPE)
    pooled, positions, kept = pooled_by_hand(image, pool)
    assert torch.equal(switches(pooled, positions, *KEEP, pool), kept)
    actual = switches(pooled, positions, *kernels(kernel), pool)
    torch.testing.assert_close(actual, deconvolved(kept, *kernels(kernel)))


def test_switches_without_positions_name_the_alternatives():
    with pytest.raises(UserError, match=r"which a bare code .* repeat or transposed$") as caught:
        switches(torch.zeros(1, 3, 2, 2), None, *KEEP, 2)
    assert "\n" not in str(caught.value)


@SIZES
def test_repeating_is_a_kronecker_product(pool, kernel):
    pooled = torch.randn(2, 3, 4, 2).double()
    repeated = np.kron(pooled.numpy(), np.ones((pool, pool)))
    assert (repeat(pooled, None, *KEEP, pool).numpy() == repeated).all()
    actual = repeat(pooled, None, *kernels(kernel), pool)
    torch.testing.assert_close(actual, deconvolved(repeated, *kernels(kernel)))


@SIZES
def test_a_strided_deconvolution_is_one_of_an_image_with_zeros_between(pool, kernel):
    pooled = torch.randn(2, 3, 4, 2).double()
    spread = torch.zeros(2, 3, 4 * pool, 2 * pool).double()
    corner = (pool - 1) // 2  # the middle of a window, or the place above and left of it
    spread[:, :, corner::pool, corner::pool] = pooled
    actual = transposed(pooled, None, *kernels(kernel), pool)
    torch.testing.assert_close(actual, deconvolved(spread, *kernels(kernel)))


@pytest.mark.parametrize("unpool", [repeat, transposed])
def test_three_inputs_and_a_kernel_of_three_give_the_five_outputs_of_the_lecture(unpool):
    red, green, blue = 4.0, 5.0, 6.0
    row = torch.zeros(1, 1, 3, 3)
    row[0, 0, 1] = torch.tensor([red, green, blue])
    inputs = torch.tensor([[[[0.0, 1, 2, 3, 0]]]])  # room for what the ends paint
    outputs = unpool(inputs, None, row, torch.zeros(1), 1).flatten().tolist()
    # Each input paints three outputs with its red, green and blue; where they overlap, they add.
    assert outputs == [1 * 4, 1 * 5 + 2 * 4, 1 * 6 + 2 * 5 + 3 * 4, 2 * 6 + 3 * 5, 3 * 6]
    padded, reversed_kernel = [0, 0, 1, 2, 3, 0, 0], [blue, green, red]
    assert outputs == np.correlate(padded, reversed_kernel).tolist()
