"""Galleries, read back from the figure and compared with the images handed over."""

import numpy as np
import pytest
import torch

from ae_lightning.evaluation.figures import galleries, plots
from ae_lightning.evaluation.figures.style import GAP, tile
from ae_lightning.nn.layers.conv import ConvLayer, ConvSpec
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec, TiedLayer
from ae_lightning.nn.stack import Stack

RANDOM = np.random.default_rng(0)
SHAPE = (4, 3)


def images(count):
    """Flat images ``(count, 12)``."""
    return RANDOM.random((count, 12))


def drawn(axes, row, column, shape, gap):
    """The image at a place of a picture, counted from the top left."""
    height, width = shape
    top, left = row * (height + gap), column * (width + gap)
    return np.asarray(axes.images[0].get_array())[top : top + height, left : left + width]


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


@pytest.mark.parametrize("colours", [(), (3,)])
def test_every_image_is_at_its_place(colours):
    parts = RANDOM.random((2, 3, *SHAPE, *colours))
    whole = tile(parts, 2)
    assert whole.shape == (2 * 4 + 2, 3 * 3 + 2 * 2, *colours)
    for row in range(2):
        for column in range(3):
            found = whole[6 * row : 6 * row + 4, 5 * column : 5 * column + 3]
            np.testing.assert_array_equal(found, parts[row, column])
    between = np.concatenate([whole[4:6].ravel(), whole[:, 3:5].ravel()])
    assert (between == 1).all() if colours else np.isnan(between).all()


def test_reconstructions_stand_under_their_originals():
    rows = {"original": images(5), "deep": images(5)}
    (axes,) = plots.reconstructions(rows, SHAPE).axes
    assert labels(axes.yaxis) == ["original", "deep"]
    assert axes.images[0].get_clim() == (0, 1)
    for row, flat in enumerate(rows.values()):
        assert axes.get_yticks()[row] == row * (4 + GAP) + 1.5
        for column in range(5):
            found = drawn(axes, row, column, SHAPE, GAP)
            np.testing.assert_array_equal(found, flat[column].reshape(SHAPE))


@pytest.mark.parametrize("layer", [DenseLayer, TiedLayer])
def test_a_dense_filter_is_the_pixel_that_its_unit_looks_at(layer):
    spec = DenseSpec(inputs=12, units=12, activation="linear", output="linear")
    stack = Stack([layer(spec)])
    with torch.no_grad():
        stack.layers[0].encoder.weight.copy_(torch.eye(12))
    found = galleries.first_filters(stack, SHAPE)
    for pixel in range(12):
        assert np.argwhere(found[pixel]).tolist() == [[pixel // 3, pixel % 3]]


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_convolutions_filters_are_its_kernels(channels):
    options = {"unpooling": "repeat", "activation": "relu", "output": "sigmoid"}
    spec = ConvSpec.of((channels, 8, 8), 6, kernel=3, pool=2, **options)
    stack = Stack([ConvLayer(spec)])
    found = galleries.first_filters(stack, (8, 8))
    kernels = stack.layers[0].encoder.weight.detach().numpy()
    assert found.shape == ((6, 3, 3, 3) if channels == 3 else (6, 3, 3))
    for number, kernel in enumerate(kernels):
        shown = np.stack(list(kernel), axis=-1) if channels == 3 else sum(kernel) / channels
        np.testing.assert_allclose(found[number], shown, rtol=1e-6)


def test_filters_are_scaled_each_by_its_own_largest_and_say_how_many_are_left_out():
    weights = RANDOM.normal(size=(1000, *SHAPE)) * np.logspace(-3, 3, 1000)[:, None, None]
    weights[7] = 0
    (axes,) = galleries.filters(weights, "deep").axes
    assert axes.get_title(loc="left") == "deep: 100 of 1,000 filters"
    low, high = axes.images[0].get_clim()
    assert low == -high
    for number in range(100):
        found = drawn(axes, *divmod(number, 10), SHAPE, 1)
        assert np.abs(found).max() == (0 if number == 7 else pytest.approx(high))
        largest = max(abs(weights[number].ravel())) or 1
        np.testing.assert_allclose(found, weights[number] / largest)
    middle = axes.images[0].cmap(0.5)
    assert middle[0] == middle[1] == middle[2]  # neither red nor blue


def test_few_filters_fill_a_square_and_nothing_else():
    (axes,) = galleries.filters(np.ones((7, *SHAPE)), "conv").axes
    assert axes.get_title(loc="left") == "conv: 7 filters"
    assert axes.images[0].get_array().shape == (3 * 4 + 2, 3 * 3 + 2)
    assert (drawn(axes, 2, 0, SHAPE, 1) == 1).all()
    assert np.ma.getmaskarray(axes.images[0].get_array())[-4:, -7:].all()


def test_coloured_filters_are_grey_at_zero():
    weights = np.zeros((2, *SHAPE, 3))
    weights[1, 0, 0] = [2, 0, -2]
    (axes,) = galleries.filters(weights, "rgb").axes
    assert (drawn(axes, 0, 0, SHAPE, 1) == 0.5).all()
    assert drawn(axes, 0, 1, SHAPE, 1)[0, 0].tolist() == [1, 0.5, 0]


def test_a_decoder_grid_grows_to_the_right_and_upwards():
    across, up = np.array([-1.5, 0, 1.5, 3]), np.array([10.0, 20, 30])
    codes = across[None, :] + 1000 * up[:, None]  # each image is filled with its code
    grid = np.broadcast_to(codes[..., None, None], (3, 4, *SHAPE))
    corners = ((-1.5, 3), (10, 30))
    figure = galleries.decoder_grids([grid, -grid], ["own", "box"], [corners, corners])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["own", "box"]
    axes = figure.axes[0]
    whole = np.asarray(axes.images[0].get_array())
    assert whole.shape == (3 * 4, 4 * 3)
    figure.draw_without_rendering()
    written = {}
    for x, name in zip(axes.get_xticks(), labels(axes.xaxis), strict=True):
        for y, other in zip(axes.get_yticks(), labels(axes.yaxis), strict=True):
            assert whole[round(y), round(x)] == float(name) + 1000 * float(other)
            written[float(name), float(other)] = axes.transData.transform((x, y))
    assert set(written) == {(x, y) for x in (-1.5, 3) for y in (10, 30)}
    assert written[3, 10][0] > written[-1.5, 10][0]
    assert written[3, 30][1] > written[3, 10][1]
    assert figure.axes[1].images[0].get_array()[0, 0] == -whole[0, 0]


def test_corrupted_images_stand_over_their_reconstructions():
    clean = images(3)
    rows = {"mask, 0.5": (images(3), images(3)), "gaussian, 0.5": (images(3) * 4 - 2, images(3))}
    top, *groups = galleries.corruption_gallery(rows, SHAPE, clean).axes
    assert labels(top.yaxis) == ["clean"]
    assert [axes.get_title(loc="left") for axes in groups] == list(rows)
    for column in range(3):
        np.testing.assert_array_equal(
            drawn(top, 0, column, SHAPE, GAP), clean[column].reshape(SHAPE)
        )
    for axes, pair in zip(groups, rows.values(), strict=True):
        assert labels(axes.yaxis) == ["corrupted", "reconstruction"]
        assert axes.images[0].get_clim() == (0, 1)
        for row, flat in enumerate(pair):
            found = drawn(axes, row, 2, SHAPE, GAP)
            np.testing.assert_array_equal(found, flat[2].reshape(SHAPE))


def test_a_distance_stands_under_its_pair():
    decoded, nearest = images(3), images(3)
    distances = np.linalg.norm(decoded - nearest, axis=1)
    (axes,) = galleries.samples_nearest(decoded, nearest, distances, SHAPE).axes
    for column, (x, name) in enumerate(zip(axes.get_xticks(), labels(axes.xaxis), strict=True)):
        assert x == column * (3 + GAP) + 1  # the middle of three pixels
        pair = [drawn(axes, row, column, SHAPE, GAP) for row in (0, 1)]
        assert float(name) == pytest.approx(((pair[0] - pair[1]) ** 2).sum() ** 0.5, abs=0.005)
