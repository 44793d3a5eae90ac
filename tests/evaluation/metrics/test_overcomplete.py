import numpy as np
import pytest
import torch

from ae_lightning.evaluation.metrics.overcomplete import activity, copying
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec


def scaled(factor, offset=0.0):
    """A linear stack that answers ``factor`` times its input plus ``offset``."""
    spec = DenseSpec(inputs=64, units=64, activation="linear", output="linear")
    stack = checkpoint.build([spec])
    with torch.no_grad():
        stack.layers[0].encoder.weight.copy_(torch.eye(64))
        stack.layers[0].decoder.weight.copy_(factor * torch.eye(64))
        stack.layers[0].decoder.bias.fill_(offset)
    return stack


def test_a_copier_copies_noise(measured):
    found = copying(measured(scaled(1.0)))
    assert found["noise_sse"] == pytest.approx(0, abs=1e-9)
    assert found["noise_explained"] == pytest.approx(1)


def test_who_always_answers_the_mean_explains_none_of_the_noise(measured):
    found = copying(measured(scaled(0.0, 0.5)))
    assert found["noise_sse"] == pytest.approx(64 / 12, rel=0.02)
    assert found["noise_explained"] == pytest.approx(0, abs=0.02)


def test_nearly_a_copier(measured):
    """An answer of 0.9 x errs by 0.01 |x|^2; a uniform value's mean square is 1/3."""
    nearly = measured(scaled(0.9))
    found = copying(nearly)
    assert found["noise_sse"] == pytest.approx(0.01 * 64 / 3, rel=0.02)
    assert found["noise_explained"] == pytest.approx(1 - 0.04, abs=0.002)
    x = nearly.data.inputs("test").reshape(-1, 64) / 255
    assert found["ratio"] == pytest.approx(64 / 3 / (x**2).sum(1).mean(), rel=0.02)


def test_a_perfect_stack_has_no_ratio(measured):
    assert copying(measured(checkpoint.build([])))["ratio"] == 0


def test_activity_by_hand(measured):
    codes = np.array([[0.0, 0.5, -0.02, 0.01], [0.0, 0.0, 0.009, -0.01]])
    assert activity(measured(None, codes)) == {"share": 2 / 8, "dead": 2 / 4}
