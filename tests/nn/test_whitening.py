"""Whitening against closed forms and scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.whitening import Whitening


@pytest.fixture
def x():
    random = np.random.default_rng(0)
    # Of such a spread that the floor under the variances is nothing beside them.
    return 100 * (random.normal(size=(500, 6)) * [3, 2, 1, 1, 1, 0.5]) @ random.normal(size=(6, 6))


def step(x, share):
    return Whitening.of(x.mean(0), np.cov(x.T, bias=True), share)


def test_half_gives_every_direction_the_same_variance(x):
    white = step(x, 0.5)(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(6), atol=1e-3)
    same = PCA(whiten=True).fit_transform(x)
    distances = [((codes[:1] - codes) ** 2).sum(1) for codes in (white, same)]
    np.testing.assert_allclose(*distances, rtol=0.01, atol=1e-3)


def test_a_quarter_leaves_the_square_roots_of_the_spreads(x):
    white = step(x, 0.25)(torch.from_numpy(x).float()).numpy()
    before, after = (np.linalg.eigvalsh(np.cov(a.T, bias=True)) for a in (x, white))
    np.testing.assert_allclose(after / after[-1], (before / before[-1]) ** 0.5, rtol=0.01)
    assert np.trace(np.cov(white.T, bias=True)) == pytest.approx(6, rel=1e-3)


def test_nothing_at_all_centres(x):
    centred = step(x, 0)(torch.from_numpy(x).float()).numpy()
    scale = np.sqrt(x.var(0).mean())
    np.testing.assert_allclose(centred, (x - x.mean(0)) / scale, atol=1e-3)


@pytest.mark.parametrize("share", [0, 0.25, 0.5])
def test_the_way_back(x, share):
    white, raw = step(x, share), torch.from_numpy(x).float()
    torch.testing.assert_close(white.restore(white(raw)), raw, atol=0.1, rtol=1e-3)


def test_a_direction_without_variance_stays_finite():
    flat = np.ones((10, 3))
    assert torch.isfinite(step(flat, 0.5)(torch.ones(2, 3))).all()


def test_a_stack_answers_in_the_images_units_and_is_read_as_it_was_saved(x, tmp_path):
    spec = DenseSpec(inputs=6, units=6, activation="linear", output="linear")
    stack = Stack(checkpoint.build([spec]).layers, step(x, 0.25))
    layer = stack.layers[0]
    with torch.no_grad():
        layer.encoder.weight.copy_(torch.eye(6))
        layer.decoder.weight.copy_(torch.eye(6))
    raw = torch.from_numpy(x).float()
    torch.testing.assert_close(stack(raw), raw, atol=0.1, rtol=1e-3)
    torch.testing.assert_close(stack.target(raw), stack.encode(raw))
    checkpoint.save(stack, tmp_path / "model", "data")
    torch.testing.assert_close(checkpoint.load(tmp_path / "model")(raw), stack(raw))
