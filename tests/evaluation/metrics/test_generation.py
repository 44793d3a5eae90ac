from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from ae_lightning.evaluation.metrics import generation
from ae_lightning.evaluation.metrics.generation import axes, correlation, grids, nearest
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.dense import DenseSpec

CODES = np.random.default_rng(0).uniform((0, -3), (10, 4), (5000, 2)).astype(np.float32)


def decoder(decode):
    """A stack that is nothing but this decoder of ``(codes, 2)``."""
    return SimpleNamespace(decode=decode, specs=[])


def plane(measured):
    """Measured: a decoder that writes the code into the first two of 64 values."""
    return measured(decoder(lambda code: torch.nn.functional.pad(code, (0, 62))), CODES)


@pytest.fixture
def training(tiny):
    images = np.concatenate([tiny.inputs(split) for split in ("train", "validation")])
    return images.reshape(-1, 64) / 255


def test_grids_are_even_and_lie_as_the_plane_does(measured):
    found = grids(plane(measured))
    assert set(found) == {"own", "box"}
    for one in found.values():
        assert one.codes.shape == (20, 20, 2)
        assert np.array_equal(one.images[:, :, :2], one.codes)  # decoded where they stand
    box = found["box"]
    expected = np.linspace(-2, 2, 20)
    for row in range(20):
        np.testing.assert_allclose(box.codes[row, :, 0], expected, atol=1e-6)
        np.testing.assert_allclose(box.codes[row, :, 1], expected[row], atol=1e-6)
    assert box.corners == ((-2, 2), (-2, 2))


def test_the_own_range_leaves_out_a_hundredth_at_each_end(measured):
    (left, right), (bottom, top) = grids(plane(measured))["own"].corners
    inside = np.all([np.less_equal((left, bottom), CODES), np.less_equal(CODES, (right, top))], 0)
    assert inside.mean(0) == pytest.approx([0.98, 0.98], abs=1e-3)
    assert (left, right) == pytest.approx((0.1, 9.9), abs=0.1)
    assert (bottom, top) == pytest.approx((-2.93, 3.93), abs=0.07)


def test_only_two_numbers_that_can_be_decoded_alone_have_grids(measured):
    shape = {"kernel": 3, "pool": 2, "activation": "gelu", "output": "sigmoid"}
    for unpooling, applies in (("switches", False), ("repeat", True)):
        conv = ConvSpec.of((1, 8, 8), 2, unpooling=unpooling, **shape)
        dense = DenseSpec(inputs=conv.units, units=2, activation="linear", output="gelu")
        stack = measured(checkpoint.build([conv, dense]))
        for measure in (grids, generation.generation, axes):
            assert bool(measure(stack)) == applies
    three = DenseSpec(inputs=64, units=3, activation="linear", output="sigmoid")
    assert generation.generation(measured(checkpoint.build([three]))) == {}
    assert axes(measured(checkpoint.build([three]))) == {}


def test_the_nearest_is_scikit_learns(measured, training, monkeypatch):
    monkeypatch.setattr(generation, "CHUNK", 7)  # uneven blocks
    queries = np.random.default_rng(1).random((30, 64))
    distances, places = NearestNeighbors(n_neighbors=1).fit(training).kneighbors(queries)
    found = nearest(plane(measured), torch.from_numpy(queries).float())
    np.testing.assert_allclose(found.distances, distances[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found.images, training[places[:, 0]], rtol=1e-5)
    assert len(set(places[:, 0])) > 5


def test_a_training_image_is_its_own_nearest(measured, training):
    for place in (0, 95, 96, len(training) - 1):  # the ends of both parts
        query = torch.from_numpy(training[[place]]).float()
        assert nearest(plane(measured), query).distances.item() < 1e-5


def test_distances_of_grids_are_means_over_their_images(measured, training):
    found = generation.generation(plane(measured))
    model = NearestNeighbors(n_neighbors=1).fit(training)
    expected = {name: g.images.reshape(-1, 64) for name, g in grids(plane(measured)).items()}
    expected["reference"] = plane(measured).data.inputs("test").reshape(-1, 64) / 255
    assert set(found) == set(expected)
    for name, images in expected.items():
        distance = model.kneighbors(images)[0].mean()
        assert found[name] == {"distance": pytest.approx(distance, rel=1e-5)}


def test_a_decoder_of_training_images_generates_them(measured, training):
    known = torch.from_numpy(training[3]).float()
    memory = measured(decoder(lambda code: known.repeat(len(code), 1)), CODES)
    found = generation.generation(memory)
    assert found["own"]["distance"] == found["box"]["distance"] < 1e-5
    assert found["reference"]["distance"] > 0.1


def leaning_bar(code):
    """Images (codes, 64) of a bar that leans to the right by 0.4 times the first number."""
    images = torch.zeros(len(code), 8, 9)
    for image, lean in zip(images, 0.4 * code[:, 0], strict=True):
        for row in range(8):
            place = 3.5 + float(lean) * (3.5 - row)
            image[row, int(place)] = 1 - place % 1
            image[row, int(place) + 1] = place % 1
    return images[:, :, :8].flatten(1)


def ring(code):
    """Images (codes, 64) of a ring, closed where the second number is positive."""
    images = torch.zeros(len(code), 8, 8)
    images[:, 1:7, 1:7] = 1
    images[:, 2:6, 2:6] = 0
    images[code[:, 1] <= 0, 3, 1] = 0
    return images.flatten(1)


def test_axes_that_mean_something_are_found(measured):
    codes = CODES / 5  # where the bar does not leave the image
    found = axes(measured(decoder(leaning_bar), codes))
    assert found["first"] == {"slant": pytest.approx(1), "hole": 0}
    assert found["second"] == {"slant": pytest.approx(0, abs=1e-6), "hole": 0}
    found = axes(measured(decoder(ring), codes))
    ends = np.linspace(-2, 2, 20)
    assert found["second"]["hole"] == pytest.approx(np.corrcoef(ends, ends > 0)[0, 1])
    assert found["first"]["hole"] == pytest.approx(0, abs=1e-6)


def test_correlation_of_constants_is_0():
    random = np.random.default_rng(0)
    series = random.normal(size=50)
    assert correlation(series, 3 - 2 * series) == pytest.approx(-1)
    assert correlation(series, np.full(50, 0.1)) == 0
    assert correlation(np.zeros(50), series) == 0
