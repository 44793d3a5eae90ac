from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.errors import UserError
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec, TiedLayer
from ae_lightning.nn.layers.rbm import (
    HIDDEN,
    contrastive_divergence,
    free_energy,
    gibbs,
    sample_hidden,
    unroll,
)

CHAINS = 30_000


def machine(activation="sigmoid", inputs=4, units=3, output="sigmoid"):
    """A machine whose units depend on each other clearly, so that one Gibbs step is not enough."""
    torch.manual_seed(1)
    layer = TiedLayer(DenseSpec(inputs=inputs, units=units, activation=activation, output=output))
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer


def states(units):
    """All ``2^units`` rows of zeros and ones."""
    return torch.tensor(list(product((0.0, 1.0), repeat=units)))


def grid(units, width=14.0, points=141):
    """Points ``(points^units, units)`` of a cube around 0, and the volume that each stands for."""
    axis = np.linspace(-width, width, points)
    places = torch.tensor(np.array(list(product(axis, repeat=units))), dtype=torch.float32)
    return places, (axis[1] - axis[0]) ** units


def energy(layer, visible, hidden):
    """``E(v, h)`` of every pair, ``(visible, hidden)``, as the field writes it."""
    weight, hidden_bias = layer.encoder.weight, layer.encoder.bias
    pairs = torch.einsum("vi,ji,hj->vh", visible, weight, hidden)
    return -(visible @ layer.decoder_bias)[:, None] - hidden @ hidden_bias - pairs


def gaussian_energy(layer, visible, hidden):
    return energy(layer, visible, hidden) + hidden.square().sum(1) / 2


def negative_log_likelihood(layer, data):
    """Of data ``(batch, inputs)`` of zeros and ones, by all states of the machine."""
    hidden = states(layer.spec.units)
    weight_of = torch.logsumexp(-energy(layer, data, hidden), dim=1)
    total = torch.logsumexp(-energy(layer, states(layer.spec.inputs), hidden).flatten(), dim=0)
    return total - weight_of.mean()


def gradients(layer, loss):
    return torch.autograd.grad(loss, list(layer.parameters()))


def distance(found, expected):
    return max((a - b).abs().max().item() for a, b in zip(found, expected, strict=True))


@pytest.fixture
def data():
    """Five examples, three of them the same: far from what the machine likes."""
    return states(4)[[2, 2, 2, 8, 13]]


def test_free_energy_sums_over_every_hidden_state():
    layer, visible = machine(), torch.cat([states(4), torch.rand(3, 4)])
    expected = -torch.logsumexp(-energy(layer, visible, states(3)), dim=1)
    torch.testing.assert_close(free_energy(layer, visible), expected)


@pytest.mark.parametrize("units", [1, 2])
@torch.no_grad()
def test_free_energy_integrates_over_gaussian_hidden_units(units):
    layer, visible = machine("linear", units=units), torch.cat([states(4), torch.rand(3, 4)])
    hidden, volume = grid(units)
    weights = torch.exp(-gaussian_energy(layer, visible, hidden).double())
    expected = -torch.log(weights.sum(1) * volume).float()
    torch.testing.assert_close(free_energy(layer, visible), expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_encoding_is_the_mean_of_hidden_given_visible_units():
    layer, visible, hidden = machine(), torch.rand(5, 4), states(3)
    given = torch.softmax(-energy(layer, visible, hidden), dim=1)
    torch.testing.assert_close(layer.encode(visible), given @ hidden)
    layer, (hidden, _) = machine("linear", units=2), grid(2)
    given = torch.softmax(-gaussian_energy(layer, visible, hidden), dim=1)
    torch.testing.assert_close(layer.encode(visible), given @ hidden, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", HIDDEN)
@torch.no_grad()
def test_decoding_is_the_mean_of_visible_given_hidden_units(activation):
    layer, hidden, visible = machine(activation), torch.randn(5, 3), states(4)
    given = torch.softmax(-energy(layer, visible, hidden), dim=0)
    torch.testing.assert_close(layer.decode(hidden), given.T @ visible)


@torch.no_grad()
def test_binary_hidden_units_are_sampled_as_often_as_they_are_probable():
    layer, visible = machine(), torch.rand(1, 4)
    torch.manual_seed(0)
    hidden = sample_hidden(layer, visible.expand(CHAINS, -1))
    assert set(hidden.unique().tolist()) == {0, 1}
    found = (hidden[:, None] == states(3)).all(2).float().mean(0)
    expected = torch.softmax(-energy(layer, visible, states(3)), dim=1)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0.012)  # four standard deviations


@torch.no_grad()
def test_gaussian_hidden_units_have_variance_one_around_their_mean():
    layer, visible = machine("linear"), torch.rand(1, 4)
    torch.manual_seed(0)
    hidden = sample_hidden(layer, visible.expand(CHAINS, -1))
    torch.testing.assert_close(hidden.mean(0), layer.encode(visible)[0], rtol=0, atol=0.025)
    torch.testing.assert_close(hidden.T.cov(), torch.eye(3), rtol=0, atol=0.035)


@pytest.mark.parametrize("activation", HIDDEN)
@torch.no_grad()
def test_a_long_binary_chain_visits_states_as_the_machine_does(activation):
    layer, visible = machine(activation), states(4)
    torch.manual_seed(0)
    end = gibbs(layer, torch.zeros(CHAINS, 4), 60, binary=True)
    found = (end[:, None] == visible).all(2).float().mean(0)
    assert found.sum() == pytest.approx(1)
    expected = torch.softmax(-free_energy(layer, visible), dim=0)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.012)


def test_a_chain_gives_probabilities_and_no_gradient():
    layer, visible = machine(), torch.rand(6, 4)
    assert torch.equal(gibbs(layer, visible, 0), visible)
    torch.manual_seed(0)
    twice = gibbs(layer, visible, 2)
    assert not twice.requires_grad
    assert ((twice > 0) & (twice < 1)).all()
    torch.manual_seed(0)
    once = gibbs(layer, visible, 1)
    assert not torch.equal(once, twice)
    assert torch.equal(gibbs(layer, once, 1), twice)


def test_the_likelihoods_gradient_is_the_difference_of_two_expectations(data):
    layer, everything = machine(), states(4)
    share = torch.softmax(-free_energy(layer, everything), dim=0).detach()
    loss = free_energy(layer, data).mean() - share @ free_energy(layer, everything)
    expected = gradients(layer, negative_log_likelihood(layer, data))
    assert distance(gradients(layer, loss), expected) < 1e-5


@pytest.mark.parametrize("activation", HIDDEN)
def test_each_phase_has_means_of_hidden_units(activation, data):
    layer = machine(activation)
    found = gradients(layer, free_energy(layer, data).mean())
    mean = layer.encode(data).detach()
    named = dict(zip(dict(layer.named_parameters()), found, strict=True))
    torch.testing.assert_close(named["encoder.weight"], -mean.T @ data / 5)
    torch.testing.assert_close(named["encoder.bias"], -mean.mean(0))
    torch.testing.assert_close(named["decoder_bias"], -data.mean(0))


def test_many_steps_of_many_chains_follow_the_likelihood(data):
    layer, chains = machine(), data.repeat(CHAINS // 5, 1)
    expected = gradients(layer, negative_log_likelihood(layer, data))
    torch.manual_seed(0)
    far = {
        steps: distance(
            gradients(layer, contrastive_divergence(layer, chains, steps, binary=True)), expected
        )
        for steps in (1, 60)
    }
    assert far[60] < 0.012  # four standard deviations of a mean of CHAINS zeros and ones
    assert far[1] > 0.03  # so that the test could fail


@pytest.mark.parametrize("binary", [False, True])
def test_one_step_is_one_sample_of_the_hidden_units(data, binary):
    layer, hidden, visible = machine(), states(3), states(4)
    given = torch.softmax(-energy(layer, data, hidden), dim=1).detach().mean(0)
    model, share = layer.decode(hidden).detach(), given
    if binary:
        share = given @ torch.softmax(-energy(layer, visible, hidden), dim=0).detach().T
        model = visible
    loss = free_energy(layer, data).mean() - share @ free_energy(layer, model)
    torch.manual_seed(0)
    options = {"binary": True} if binary else {}
    found = contrastive_divergence(layer, data.repeat(CHAINS // 5, 1), 1, **options)
    assert distance(gradients(layer, found), gradients(layer, loss)) < 0.012


@pytest.mark.parametrize("activation", HIDDEN)
def test_half_width_products_are_summed_in_full_width(activation):
    layer, visible = machine(activation, inputs=300, units=200), torch.rand(8, 300)
    with torch.no_grad():
        layer.encoder.weight.mul_(0.05)
    found = []
    for enabled in (True, False):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss = contrastive_divergence(layer, visible, 1)
        assert loss.dtype == torch.float32
        found.append(gradients(layer, loss))
    for half, full in zip(*found, strict=True):
        assert F.cosine_similarity(half.flatten(), full.flatten(), dim=0) > 0.98
    with torch.no_grad():
        layer.encoder.weight.zero_()  # whose product no width can round
        layer.encoder.bias.zero_()
        expected = free_energy(layer, visible)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(free_energy(layer, visible), expected)


@pytest.mark.parametrize("activation", HIDDEN)
def test_unrolled_it_is_the_same_function_with_weights_of_its_own(activation):
    layer, x = machine(activation), torch.rand(5, 4)
    unrolled = unroll(layer)
    assert type(unrolled) is DenseLayer
    assert unrolled.spec == layer.spec.model_copy(update={"kind": "dense"})
    assert torch.equal(unrolled.encode(x), layer.encode(x))
    torch.testing.assert_close(unrolled.decode(unrolled.encode(x)), layer.decode(layer.encode(x)))
    with torch.no_grad():
        for parameter in unrolled.parameters():
            parameter.add_(1)
    assert torch.equal(unrolled.encoder.weight, layer.encoder.weight + 1)  # and not 2: two matrices
    assert torch.equal(unrolled.decoder.weight, layer.encoder.weight.T + 1)


@pytest.mark.parametrize(("activation", "output"), [("gelu", "sigmoid"), ("sigmoid", "linear")])
def test_other_activations_are_no_machine(activation, output):
    with pytest.raises(UserError, match=rf"found {activation} and {output}") as caught:
        free_energy(machine(activation, output=output), torch.rand(2, 4))
    assert "\n" not in str(caught.value)
