import csv

import pytest
import torch
from torch.nn import functional as F

from ae_lightning.config.layers import Layer
from ae_lightning.data.sampler import to_unit
from ae_lightning.nn.bias_init import centre_decoder
from ae_lightning.nn.layers.dense import DenseSpec, TiedLayer
from ae_lightning.nn.layers.rbm import contrastive_divergence, unroll
from ae_lightning.nn.stack import Stack
from ae_lightning.training.fit import fit
from ae_lightning.training.objectives.contrastive_divergence import ContrastiveDivergence

HINTON = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 2e-4, "schedule": "constant"}


def examples(tiny, split):
    return to_unit(torch.from_numpy(tiny.inputs(split).copy()))


@pytest.fixture
def stack(tiny):
    """A machine as it should begin: small weights, visible biases of the data's mean."""
    torch.manual_seed(0)
    layer = TiedLayer(DenseSpec(inputs=64, units=6, activation="sigmoid", output="sigmoid"))
    torch.nn.init.normal_(layer.encoder.weight, std=0.01)
    centre_decoder(layer, examples(tiny, "train").mean(0))
    return Stack([layer])


@torch.no_grad()
def entropy(stack, batch):
    """Cross-entropy of mean-field reconstructions per example, by torch's own means."""
    return F.binary_cross_entropy(stack.decode(stack.encode(batch)), batch).item() * 64


@torch.no_grad()
def sse(stack, batch):
    return (stack.decode(stack.encode(batch)) - batch).square().sum(1).mean().item()


def boltzmann(steps):
    settings = {"kind": "rbm", "units": 6, "activation": "sigmoid", "cd_steps": steps}
    return Layer(data="tiny", input="prepared/tiny", **settings)


def module(stack, how, steps):
    """A module outside of a trainer, with what it logs."""
    machine, logged = ContrastiveDivergence(stack, how(item=boltzmann(steps))), []
    machine.log = lambda name, value, **options: logged.append((name, value.item()))
    return machine, logged


def train(stack, tiny, how, steps=1, **options):
    given = {"item": boltzmann(steps), "module": ContrastiveDivergence}
    settings = how(**given, **(HINTON | options))
    return fit(stack, tiny.inputs("train"), tiny.inputs("validation"), settings)


@pytest.mark.parametrize(
    ("steps", "activation", "rate"),
    [(1, "sigmoid", 0.1), (3, "sigmoid", 0.1), (1, "linear", 0.01)],
)
def test_it_learns_to_reconstruct(stack, tiny, how, steps, activation, rate):
    spec = stack.layers[0].spec.model_copy(update={"activation": activation})
    machine = TiedLayer(spec)
    machine.load_state_dict(stack.layers[0].state_dict())
    stack, batch = Stack([machine]), examples(tiny, "validation")
    untrained = sse(stack, batch)
    train(stack, tiny, how, steps, epochs=20, learning_rate=rate, batch_size=8)
    assert sse(stack, batch) < 0.2 * untrained  # which is the variance: what biases alone give
    dense = Stack([unroll(machine)])
    assert sse(dense, batch) == pytest.approx(sse(stack, batch), rel=1e-5)


def test_a_step_follows_the_contrastive_divergence(stack, how):
    batch = torch.rand(20, 64)
    torch.nn.init.normal_(stack.layers[0].encoder.weight)
    for steps in (1, 4):
        found, _ = module(stack, how, steps)
        torch.manual_seed(0)
        loss = found.training_step(batch)
        torch.manual_seed(0)
        expected = contrastive_divergence(stack.layers[0], batch, steps)
        for parameter in stack.parameters():
            (first,) = torch.autograd.grad(loss, parameter, retain_graph=True)
            (second,) = torch.autograd.grad(expected, parameter, retain_graph=True)
            assert torch.equal(first, second)
            assert first.any()


def test_it_tells_the_reconstruction_of_every_tenth_batch(stack, how):
    found, logged = module(stack, how, 1)
    batches = torch.rand(21, 5, 64)
    for number, batch in enumerate(batches):
        found.training_step(batch, number)
    expected = [("train/loss", pytest.approx(entropy(stack, batches[i]))) for i in (0, 10, 20)]
    assert logged == expected


def test_curves_are_of_mean_field_reconstructions(stack, tiny, how, tmp_path):
    batches = {split: examples(tiny, split) for split in ("train", "validation")}
    train(stack, tiny, how, epochs=1, learning_rate=1e-12, batch_size=96)
    with (tmp_path / "curve.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["train/loss"]) == pytest.approx(entropy(stack, batches["train"]), rel=1e-5)
    assert float(row["val/loss"]) == pytest.approx(entropy(stack, batches["validation"]), rel=1e-5)
    assert float(row["val/sse"]) == pytest.approx(sse(stack, batches["validation"]), rel=1e-5)


def test_the_seed_decides_what_is_sampled(stack, tiny, how):
    weights = {}
    start = {key: value.clone() for key, value in stack.state_dict().items()}
    for name, seed in {"first": 0, "again": 0, "other": 1}.items():
        stack.load_state_dict(start)
        train(stack, tiny, how, epochs=2, seed=seed, learning_rate=0.1, batch_size=96)
        weights[name] = stack.layers[0].encoder.weight.detach().clone()
    assert torch.equal(weights["first"], weights["again"])
    # One batch holds every example, so that nothing but the samples is left to differ.
    assert not torch.allclose(weights["first"], weights["other"], atol=1e-5)


def test_half_width_leaves_every_parameter_a_gradient(stack, how):
    found, _ = module(stack, how, 1)
    with torch.autocast("cpu", torch.bfloat16):
        loss = found.training_step(torch.rand(20, 64))
    loss.backward()
    assert all(parameter.grad.any() for parameter in stack.parameters())
