import pytest
import torch

from ae_lightning.evaluation.metrics.robustness import PERCENTS, corrupted, corruption
from ae_lightning.nn import checkpoint
from ae_lightning.nn.corruption import CORRUPTIONS
from ae_lightning.nn.layers.dense import DenseSpec

X = torch.linspace(0.1, 0.9, 2000 * 64).view(2000, 64)


def constant(values):
    """A stack that answers the same to everything."""
    spec = DenseSpec(inputs=64, units=2, activation="linear", output="linear")
    stack = checkpoint.build([spec])
    with torch.no_grad():
        stack.layers[0].decoder.weight.zero_()
        stack.layers[0].decoder.bias.copy_(values)
    return stack


def test_doing_nothing_costs_what_the_input_does(measured):
    found = corruption(measured(checkpoint.build([])))
    assert set(found) == set(CORRUPTIONS)
    for kind in found.values():
        assert set(kind) == {f"{what}@{p}" for what in ("sse", "input") for p in PERCENTS}
        for percent in (10, 20, 50):
            assert kind[f"sse@{percent}"] == kind[f"input@{percent}"]


def test_errors_of_the_input_have_their_expectations(measured):
    whole = measured(checkpoint.build([]))
    x = whole.data.inputs("test").reshape(-1, 64) / 255
    bright, dark = (x**2).sum(1).mean(), ((1 - x) ** 2).sum(1).mean()
    found = corruption(whole)
    for percent in (10, 20, 50):
        share = percent / 100
        expected = {
            "mask": share * bright,
            "gaussian": share**2 * 64,
            "salt-and-pepper": share / 2 * (bright + dark),
        }
        for kind, value in expected.items():  # 32 images of few bright values each
            assert found[kind][f"input@{percent}"] == pytest.approx(value, rel=0.3)


def test_the_target_is_clean(measured):
    """The error of a constant answer has nothing of the noise, whatever its kind and strength."""
    whole = measured(constant(torch.linspace(0, 1, 64)))
    x = torch.from_numpy(whole.data.inputs("test").reshape(-1, 64) / 255)
    expected = ((torch.linspace(0, 1, 64) - x) ** 2).sum(1).mean().item()
    for kind in corruption(whole).values():
        for percent in (10, 20, 50):
            assert kind[f"sse@{percent}"] == pytest.approx(expected, rel=1e-5)


def test_more_noise_costs_a_linear_stack_more(measured):
    torch.manual_seed(0)
    spec = DenseSpec(inputs=64, units=20, activation="linear", output="linear")
    found = corruption(measured(checkpoint.build([spec])))
    gaussian = found["gaussian"]
    assert gaussian["sse@10"] < gaussian["sse@20"] < gaussian["sse@50"]


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_stacks_meet_the_same_noise_and_the_generator_is_left_as_it_was(kind):
    state = torch.get_rng_state()
    first = corrupted(X, kind, 0.3)
    torch.rand(5)
    assert torch.equal(corrupted(X, kind, 0.3), first)
    torch.set_rng_state(state)
    corrupted(X, kind, 0.3)
    assert torch.equal(torch.get_rng_state(), state)
