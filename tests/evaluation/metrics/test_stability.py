import numpy as np
import pytest
import torch

from ae_lightning.evaluation.metrics.stability import jacobian, rms_distance, shift, spread
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import chain_specs


def linear(weight):
    """A linear stack with this encoder matrix."""
    units, inputs = weight.shape
    spec = DenseSpec(inputs=inputs, units=units, activation="linear", output="linear")
    stack = checkpoint.build([spec])
    with torch.no_grad():
        stack.layers[0].encoder.weight.copy_(weight)
    return stack


@pytest.fixture
def turn():
    """An orthogonal matrix (64, 64)."""
    return torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0]


def test_an_orthonormal_encoder_keeps_lengths(measured, turn):
    whole, part = measured(linear(turn)), measured(linear(turn[:9]))
    assert jacobian(whole)["norm"] == pytest.approx(8)  # the root of 64
    assert jacobian(part)["norm"] == pytest.approx(3)
    assert shift(whole)["absolute"] == pytest.approx(0.05 * 8, rel=0.1)
    x = whole.data.inputs("test").reshape(32, 64) / 255
    assert whole.codes["test"].shape == x.shape
    assert spread(whole)["rms"] == pytest.approx(np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean()))


def test_relative_figures_know_no_scale(measured, turn):
    one, three = measured(linear(turn[:9])), measured(linear(3 * turn[:9]))
    for measure, name in ((jacobian, "norm"), (shift, "absolute")):
        first, second = measure(one), measure(three)
        assert second[name] == pytest.approx(3 * first[name], rel=1e-5)
        assert second["relative"] == pytest.approx(first["relative"], rel=1e-5)
        assert first["relative"] == pytest.approx(first[name] / spread(one)["rms"])


def test_the_norm_is_the_mean_over_images_of_autograds(measured):
    torch.manual_seed(0)
    specs = chain_specs(64, [6, 3], hidden="gelu", code="linear", output="sigmoid")
    deep = measured(checkpoint.build(specs))
    x = torch.from_numpy(deep.data.inputs("test").reshape(32, 64) / 255).float()
    rows = [
        torch.autograd.functional.jacobian(lambda v: deep.stack.encode(v[None])[0], v) for v in x
    ]
    norms = torch.stack([row.norm() for row in rows])
    assert norms.std() > 0.01 * norms.mean()
    assert jacobian(deep)["norm"] == pytest.approx(norms.mean().item(), rel=1e-5)


def test_the_shift_of_a_small_noise_is_the_jacobians(measured):
    """To first order the mean square of J e is sigma^2 |J|^2, e normal."""
    torch.manual_seed(0)
    specs = chain_specs(64, [200, 60], hidden="tanh", code="linear", output="sigmoid")
    deep = measured(checkpoint.build(specs))
    assert shift(deep)["absolute"] == pytest.approx(0.05 * jacobian(deep)["norm"], rel=0.1)


def test_a_collapsed_code_has_no_relative_figures(measured):
    collapsed = measured(linear(torch.zeros(2, 64)))
    assert jacobian(collapsed) == {"norm": 0, "relative": 0}
    assert shift(collapsed) == {"absolute": 0, "relative": 0}


def test_spread_by_hand(measured):
    codes = np.array([[1.0, -2.0], [5.0, 0.0], [0.0, 2.1], [2.0, 1.9]])
    found = spread(measured(None, codes))
    assert found["offset"] == pytest.approx(np.hypot(2, 0.5))
    squares = (1 + 6.25) + (9 + 0.25) + (4 + 1.6**2) + (0 + 1.4**2)
    assert found["rms"] == pytest.approx((squares / 4) ** 0.5)
    assert found["within_box"] == 0.5  # the first and the last
    assert rms_distance(np.array([[0.0, 0.0], [4.0, 0.0]])) == 2
