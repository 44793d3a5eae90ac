import copy

import pytest
import torch

from ae_lightning.nn import muon
from ae_lightning.nn.muon import POLAR_EXPRESS, Muon, orthogonalize, orthogonalize_blocks

BAND = (0.15, 1.95)
"""Where three steps bring every singular value above 1/300 of the Frobenius norm: the polynomials'
extremes there are 0.187 and 1.866, the rest is bf16."""


@pytest.fixture(params=[torch.bfloat16, torch.float32], ids=str, autouse=True)
def product_type(request, monkeypatch):
    """Both kinds of products, whatever this processor multiplies."""
    monkeypatch.setattr(muon, "product_type", lambda device: request.param)
    return request.param


def matrix(rows, columns, smallest=0.05):
    """A matrix with singular values from 1 down to ``smallest``, and its singular vectors."""
    torch.manual_seed(rows * 100 + columns)
    size = min(rows, columns)
    left = torch.linalg.qr(torch.randn(rows, size))[0]
    right = torch.linalg.qr(torch.randn(columns, size))[0]
    return left @ torch.diag(torch.linspace(1, smallest, size)) @ right.T, left, right


@pytest.mark.parametrize(("rows", "columns"), [(1, 5), (6, 6), (6, 20), (16, 40)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_singular_values_come_near_one_and_vectors_stay(rows, columns, scale):
    x, left, right = matrix(rows, columns)
    y = orthogonalize(scale * x[None])[0].float()
    inside = left.T @ y @ right  # diagonal if the singular vectors are kept
    values = inside.diagonal()
    assert values.min() > BAND[0]
    assert values.max() < BAND[1]
    assert (inside - values.diag()).norm() < 0.15 * values.norm()
    polar = left @ right.T  # the nearest matrix with orthonormal rows
    assert (y * polar).sum() / (y.norm() * polar.norm()) > 0.85


def test_singular_values_follow_the_polynomials():
    x, left, right = matrix(8, 24)
    expected = torch.linspace(1, 0.05, 8, dtype=torch.float64) / (1.01 * x.double().norm())
    for a, b, c in POLAR_EXPRESS:
        expected = a * expected + b * expected**3 + c * expected**5
    values = (left.T @ orthogonalize(x[None])[0].float() @ right).diagonal()
    torch.testing.assert_close(values.double(), expected, atol=0.05, rtol=0.05)


def test_products_are_of_the_type_that_the_device_multiplies_fastest(product_type):
    assert orthogonalize(matrix(4, 9)[0][None]).dtype == product_type


def test_zero_stays_zero_beside_others():
    x, *_ = matrix(4, 6)
    batch = orthogonalize(torch.stack([torch.zeros(4, 6), x]))
    assert not batch[0].any()
    assert torch.equal(batch[1], orthogonalize(x[None])[0])


@pytest.mark.parametrize(
    ("rows", "blocks"), [(1, 1), (127, 1), (128, 2), (130, 2), (192, 3), (500, 4), (784, 4)]
)
def test_blocks_of_rows_are_orthogonalised_apart(rows, blocks):
    torch.manual_seed(0)
    batch = torch.randn(2, rows, 800)
    together = orthogonalize_blocks(batch, most=4)
    for matrix, result in zip(batch, together, strict=True):
        for block, part in zip(matrix.chunk(blocks), result.chunk(blocks), strict=True):
            torch.testing.assert_close(
                part, orthogonalize(block[None])[0], atol=2e-3, rtol=2e-2, check_dtype=True
            )


def moved(shape, grad, **options):
    """What one step adds to a parameter of zeros."""
    parameter = torch.zeros(shape, requires_grad=True)
    parameter.grad = grad.reshape(shape)
    Muon([parameter], **options).step()
    return parameter.detach()


def test_a_wide_matrix_moves_by_an_orthogonal_one():
    x, *_ = matrix(4, 9)
    step = moved((4, 9), x, lr=0.1, momentum=0.0)
    torch.testing.assert_close(step, -0.1 * orthogonalize(x[None])[0].float())


def test_a_tall_matrix_moves_like_its_transpose_times_the_root_of_its_aspect():
    x, *_ = matrix(4, 9)
    wide, tall = moved((4, 9), x, lr=0.1), moved((9, 4), x.T, lr=0.1)
    torch.testing.assert_close(tall, 1.5 * wide.T)


def test_a_kernel_moves_like_its_matrix():
    x, *_ = matrix(4, 18)
    kernel = moved((4, 2, 3, 3), x, lr=0.1)
    assert torch.equal(kernel.flatten(1), moved((4, 18), x, lr=0.1))


def test_matrices_of_one_shape_do_not_mix():
    first, second = matrix(4, 9)[0], matrix(4, 9)[0].flip(0).T
    pair = [torch.zeros(4, 9, requires_grad=True), torch.zeros(9, 4, requires_grad=True)]
    pair[0].grad, pair[1].grad = first, second.clone()
    Muon(pair, lr=0.1).step()
    for parameter, grad in zip(pair, (first, second), strict=True):
        torch.testing.assert_close(parameter.detach(), moved(grad.shape, grad, lr=0.1))


def test_momentum_is_nesterovs():
    # Muon's published update: m = b m + (1 - b) g, then b m + (1 - b) g is orthogonalised.
    # Small integers and halves, so that no order of these sums rounds.
    torch.manual_seed(0)
    grads = torch.randint(-8, 9, (3, 3, 5)).float()
    parameter = torch.zeros(3, 5, requires_grad=True)
    optimizer = Muon([parameter], lr=1.0, momentum=0.5)
    average, expected = torch.zeros(3, 5), torch.zeros(3, 5)
    for grad in grads:
        parameter.grad = grad.clone()
        optimizer.step()
        average = (average + grad) / 2
        expected -= orthogonalize(((average + grad) / 2)[None])[0].float()
    torch.testing.assert_close(parameter.detach(), expected)


def test_each_period_begins_with_a_step_of_whole_matrices():
    torch.manual_seed(0)
    parameter = torch.zeros(128, 130, requires_grad=True)
    optimizer = Muon([parameter], lr=1.0, momentum=0.0, period=3)
    steps = []
    for _ in range(7):
        before, parameter.grad = parameter.detach().clone(), torch.randn(128, 130)
        optimizer.step()
        whole = orthogonalize(parameter.grad[None])[0].float()
        steps.append(torch.allclose(before - parameter.detach(), whole, atol=1e-3))
    assert steps == [True, False, False, True, False, False, True]


def test_weight_decay_shrinks_matrices_alone():
    weights, bias = torch.ones(3, 5, requires_grad=True), torch.ones(5, requires_grad=True)
    weights.grad, bias.grad = torch.zeros(3, 5), torch.zeros(5)
    Muon([weights, bias], lr=0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weights.detach(), torch.full((3, 5), 0.95))
    assert torch.equal(bias.detach(), torch.ones(5))


@pytest.mark.parametrize("shape", [(7,), ()])
def test_vectors_follow_adam(shape):
    torch.manual_seed(0)
    ours = torch.randn(shape, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    optimizers = [
        Muon([ours], lr=0.05, vector_lr=0.2),
        torch.optim.Adam([theirs], lr=0.05 * 0.2, betas=(0.9, 0.99), eps=1e-10),
    ]
    for _ in range(10):
        grad = torch.randn(shape)
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = grad.clone()
            optimizer.step()
    torch.testing.assert_close(ours, theirs)


def test_parameters_without_a_gradient_stay():
    parameter = torch.ones(2, 2, requires_grad=True)
    Muon([parameter], lr=0.1).step()
    assert torch.equal(parameter.detach(), torch.ones(2, 2))


def least_squares():
    """A least-squares problem with a bias, its parameters and its optimum (0)."""
    torch.manual_seed(0)
    x, truth = torch.randn(64, 6), torch.randn(3, 6)
    y = x @ truth.T + torch.tensor([1.0, -2.0, 0.5])
    weights, bias = torch.zeros(3, 6, requires_grad=True), torch.zeros(3, requires_grad=True)
    return [weights, bias], lambda: (x @ weights.T + bias - y).square().mean()


def run(parameters, loss, optimizer, steps, start=0, total=200):
    for step in range(start, start + steps):
        optimizer.param_groups[0]["lr"] = 0.3 * (1 - step / total)
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return loss().item()


def test_it_learns_least_squares():
    parameters, loss = least_squares()
    before = loss().item()
    after = run(parameters, loss, Muon(parameters, lr=0.3), 200)
    assert after < 1e-3 * before


def test_the_closure_is_called_with_gradients():
    parameters, loss = least_squares()
    optimizer = Muon(parameters, lr=0.1)

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    before = loss().item()
    assert optimizer.step(closure).item() == before
    assert loss().item() < before


def test_a_state_dict_goes_on_identically(tmp_path):
    parameters, loss = least_squares()
    optimizer = Muon(parameters, lr=0.3)
    run(parameters, loss, optimizer, 5)
    torch.save(optimizer.state_dict(), tmp_path / "state")

    again, same_loss = least_squares()
    with torch.no_grad():
        for parameter, value in zip(again, parameters, strict=True):
            parameter.copy_(copy.deepcopy(value.detach()))
    resumed = Muon(again, lr=0.7)
    resumed.load_state_dict(torch.load(tmp_path / "state"))
    run(parameters, loss, optimizer, 5, start=5)
    run(again, same_loss, resumed, 5, start=5)
    for first, second in zip(parameters, again, strict=True):
        assert torch.equal(first, second)
