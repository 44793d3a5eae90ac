import math

import pytest
import torch
from torch.nn import functional as F

from ae_lightning.nn.activations import ACTIVATIONS, OUTPUTS, softmax
from ae_lightning.nn.losses import LOSSES, cross_entropy, multinomial, resolve_loss, squared_error

MATCHING_LOSSES = {"sigmoid": "cross-entropy", "softmax": "multinomial"}


def test_squared_error_by_hand():
    output, target = torch.tensor([[1.0, 3.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 5.0]])
    loss = squared_error(output, target, ACTIVATIONS["linear"])
    assert loss == ((1 + 4) + (0 + 9)) / 2


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/2 and 3/4
    target = torch.tensor([[1.0, 0.25]])
    expected = math.log(2) - 0.25 * math.log(3 / 4) - 0.75 * math.log(1 / 4)
    loss = cross_entropy(logits, target, torch.sigmoid)
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_multinomial_by_hand():
    logits = torch.tensor([[0.0, math.log(2), math.log(5)], [0.0, 0.0, 0.0]])
    target = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])  # of 1/8 2/8 5/8, and of 1/3 each
    first = -(0.5 * math.log(1 / 8) + 0.25 * math.log(2 / 8) + 0.25 * math.log(5 / 8))
    loss = multinomial(logits, target, softmax)
    assert loss.item() == pytest.approx((first + math.log(3)) / 2, rel=1e-6)


def test_losses_are_torchs_summed_over_features_averaged_over_the_batch():
    torch.manual_seed(0)
    logits, target = torch.randn(5, 7), torch.rand(5, 7)
    torch.testing.assert_close(
        squared_error(logits, target, torch.sigmoid),
        F.mse_loss(torch.sigmoid(logits), target) * 7,
    )
    torch.testing.assert_close(
        cross_entropy(logits, target, torch.sigmoid),
        F.binary_cross_entropy(torch.sigmoid(logits), target) * 7,
    )


def test_cross_entropy_stays_finite_far_out():
    logits, target = torch.tensor([[1000.0, -1000.0]]), torch.tensor([[0.0, 0.0]])
    assert cross_entropy(logits, target, torch.sigmoid) == 1000


@pytest.mark.parametrize(("output", "factor"), [("sigmoid", 1), ("linear", 2), ("softmax", 1)])
def test_the_matching_loss_has_output_minus_target_as_gradient(output, factor):
    torch.manual_seed(0)
    logits = torch.randn(4, 6, dtype=torch.float64).float().requires_grad_()
    target, activation = torch.rand(4, 6).softmax(1), OUTPUTS[output]
    LOSSES[resolve_loss("matching", output)](logits, target, activation).backward()
    expected = factor * (activation(logits.detach()) - target) / len(target)
    torch.testing.assert_close(logits.grad, expected)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_half_width_outputs_are_computed_in_full_width(name):
    logits, target = torch.randn(4, 6).bfloat16(), torch.rand(4, 6)
    loss = LOSSES[name](logits, target, torch.sigmoid)
    assert loss.dtype == torch.float32
    assert loss == LOSSES[name](logits.float(), target, torch.sigmoid)


def test_names_are_resolved():
    for output in OUTPUTS:
        expected = MATCHING_LOSSES.get(output, "squared-error")
        assert resolve_loss("matching", output) == expected
        assert resolve_loss("squared-error", output) == "squared-error"
    for output, loss in MATCHING_LOSSES.items():
        assert resolve_loss(loss, output) == loss
        with pytest.raises(ValueError, match=rf"^train\.loss: .*{output}.*found 'linear'.*"):
            resolve_loss(loss, "linear")


@pytest.mark.parametrize(
    ("name", "value"),
    [("linear", -1.0), ("sigmoid", 1 / (1 + math.e)), ("tanh", math.tanh(-1)), ("relu", 0.0),
     ("gelu", -(1 + math.erf(-(0.5**0.5))) / 2), ("silu", -1 / (1 + math.e)),
     ("elu", math.exp(-1) - 1)],
)  # fmt: skip
def test_activations_at_minus_one(name, value):
    assert ACTIVATIONS[name](torch.tensor(-1.0)).item() == pytest.approx(value, abs=1e-6)
