from itertools import product

import pytest
import torch

from ae_lightning.nn import checkpoint
from ae_lightning.nn.activations import ACTIVATIONS, OF_ROWS
from ae_lightning.nn.jacobian import (
    contractive,
    exact_jacobian_norm,
    jacobian_norm,
    jacobian_norm2_estimate,
    layer_jacobian_norm2,
)
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec, TiedLayer
from ae_lightning.nn.stack import Stack, chain_specs


def full(encode, x):
    """Every example's Jacobian (batch, code, features), by torch.func, example by example."""
    return torch.stack([torch.func.jacrev(lambda one: encode(one[None])[0])(row) for row in x])


def norm2(encode, x):
    return full(encode, x).square().sum((1, 2))


@pytest.fixture
def deep():
    """Two layers to a code of three numbers, in float64."""
    torch.manual_seed(0)
    specs = chain_specs(6, [5, 3], hidden="gelu", code="tanh", output="sigmoid")
    return checkpoint.build(specs).double()


@pytest.fixture
def x():
    return torch.randn(4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def layer(kind, activation="sigmoid"):
    torch.manual_seed(0)
    spec = DenseSpec(inputs=6, units=5, activation=activation, output="linear")
    return kind(spec).double()


@pytest.mark.parametrize("kind", [DenseLayer, TiedLayer])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS.keys() - OF_ROWS))
def test_the_closed_form_is_that_of_the_full_jacobian(kind, activation, x):
    one = layer(kind, activation)
    torch.testing.assert_close(layer_jacobian_norm2(one, x), norm2(one.encode, x))


def test_the_closed_form_of_a_sigmoid_by_rifais_formula(x):
    one = layer(DenseLayer)
    h = one.encode(x)
    expected = ((h * (1 - h)) ** 2 * (one.encoder.weight**2).sum(1)).sum(1)
    torch.testing.assert_close(layer_jacobian_norm2(one, x), expected)


def test_the_estimate_averaged_over_every_sign_is_exact(deep, x):
    x.requires_grad_()
    code = deep.encode(x)
    estimates = [
        jacobian_norm2_estimate(x, code, torch.tensor(signs).expand(len(x), 3))
        for signs in product((-1.0, 1.0), repeat=3)
    ]
    exact = norm2(deep.encode, x.detach()).mean()
    torch.testing.assert_close(torch.stack(estimates).mean(), exact)
    assert torch.stack(estimates).std() > 0.01 * exact  # signs matter: this could have failed


def test_signs_are_drawn_fair_and_independent():
    """Through J = 1 to a code of one number per input, the direction is the signs themselves."""
    torch.manual_seed(0)
    seen = []
    ones = torch.zeros(3000, 2, requires_grad=True)
    code = ones * torch.ones(2)
    ones.register_hook(seen.append)
    jacobian_norm2_estimate(ones, code)
    (signs,) = seen
    assert set(signs.unique().tolist()) == {-1.0, 1.0}
    pairs = [torch.tensor(pair) for pair in product((-1, 1), repeat=2)]
    counts = torch.stack([(signs == pair).all(1).sum() for pair in pairs])
    assert ((counts - 750).abs() < 6 * (3000 * 0.25 * 0.75) ** 0.5).all()


def test_the_estimate_comes_near_the_truth_with_many_examples(deep):
    torch.manual_seed(0)
    x = torch.randn(4, 6, dtype=torch.float64).repeat(5000, 1).requires_grad_()
    exact = norm2(deep.encode, x[:4].detach()).mean()
    estimate = jacobian_norm2_estimate(x, deep.encode(x))
    assert estimate.item() == pytest.approx(exact.item(), rel=0.03)


def gradients(loss, stack):
    return torch.autograd.grad(loss, [layer.encoder.weight for layer in stack.layers])


def test_gradients_of_one_layers_penalty_are_those_of_the_full_jacobian(x):
    stack = Stack([layer(DenseLayer, "gelu")])
    found = gradients(contractive(stack, x, stack.encode(x)), stack)
    expected = gradients(norm2(stack.encode, x).mean(), stack)
    torch.testing.assert_close(found, expected)


def test_gradients_of_the_estimate_averaged_over_every_sign_are_exact(deep, x):
    x.requires_grad_()
    found = [
        gradients(
            jacobian_norm2_estimate(x, deep.trace(x).code, torch.tensor(signs).expand(4, 3)), deep
        )
        for signs in product((-1.0, 1.0), repeat=3)
    ]
    expected = gradients(norm2(deep.encode, x.detach()).mean(), deep)
    for number, gradient in enumerate(expected):
        mean = torch.stack([one[number] for one in found]).mean(0)
        torch.testing.assert_close(mean, gradient)


def test_a_deep_penalty_is_the_estimate_of_the_same_signs(deep, x):
    x.requires_grad_()
    code = deep.trace(x).code
    torch.manual_seed(3)
    penalty = contractive(deep, x, code)
    torch.manual_seed(3)
    assert penalty == jacobian_norm2_estimate(x, code)


def test_training_on_the_penalty_flattens_the_encoder(deep, x):
    torch.manual_seed(0)
    before = norm2(deep.encode, x).mean()
    x = x.clone().requires_grad_()
    optimizer = torch.optim.Adam(deep.parameters(), 0.02)
    for _ in range(30):
        optimizer.zero_grad()
        contractive(deep, x, deep.trace(x).code).backward()
        optimizer.step()
    assert norm2(deep.encode, x.detach()).mean() < 0.5 * before


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS.keys() - OF_ROWS))
@pytest.mark.parametrize("sizes", [[5], [5, 3]])
def test_half_width_training_can_be_penalised(sizes, activation):
    torch.manual_seed(0)
    specs = chain_specs(6, sizes, hidden=activation, code=activation, output="sigmoid")
    stack, x = checkpoint.build(specs), torch.rand(64, 6).requires_grad_()
    torch.manual_seed(1)
    exact = contractive(stack, x, stack.trace(x).code)
    wanted = gradients(exact, stack)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        penalty = contractive(stack, x, stack.trace(x).code)
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(exact.item(), rel=0.05)
    for found, gradient in zip(gradients(penalty, stack), wanted, strict=True):
        assert (found - gradient).norm() <= 0.1 * gradient.norm()


@pytest.mark.parametrize("unpooling", ["switches", "repeat", "transposed"])
def test_the_exact_norm_of_a_convolutional_stack(unpooling):
    torch.manual_seed(0)
    shape = {"kernel": 3, "pool": 2, "unpooling": unpooling}
    conv = ConvSpec.of((1, 4, 4), 2, **shape, activation="gelu", output="sigmoid")
    dense = DenseSpec(inputs=conv.units, units=3, activation="linear", output="gelu")
    stack, x = checkpoint.build([conv, dense]), torch.rand(5, 16)
    torch.testing.assert_close(jacobian_norm(stack, x), norm2(stack.encode, x).sqrt().detach())
    estimate = contractive(stack, x.requires_grad_(), stack.trace(x).code)
    assert all(gradient.any() for gradient in gradients(estimate, stack))


def test_the_exact_norm_needs_no_gradients_around_it(deep, x):
    expected = norm2(deep.encode, x).sqrt().detach()
    one = Stack([layer(DenseLayer, "gelu")])
    with torch.no_grad():
        found, shallow = jacobian_norm(deep, x), jacobian_norm(one, x)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(shallow, exact_jacobian_norm(one, x))
    assert not any(tensor.requires_grad for tensor in (found, shallow, x))
    assert all(p.grad is None for p in deep.parameters())


def test_a_rotation_has_the_norm_of_its_dimension(x):
    one = layer(DenseLayer, "linear")
    with torch.no_grad():
        one.encoder.weight.copy_(torch.linalg.qr(torch.randn(6, 5, dtype=torch.float64))[0].T)
    expected = torch.full((4,), 5**0.5, dtype=torch.float64)
    torch.testing.assert_close(jacobian_norm(Stack([one]), x), expected)
