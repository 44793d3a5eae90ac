import copy

import pytest
import torch

from ae_lightning.config.layers import Training
from ae_lightning.nn import checkpoint, optim
from ae_lightning.nn.layers.dense import DenseSpec, TiedLayer
from ae_lightning.nn.stack import Stack, chain_specs


def tied(inputs=6, units=4, activation="linear", output="linear"):
    torch.manual_seed(0)
    return TiedLayer(
        DenseSpec(kind="tied", inputs=inputs, units=units, activation=activation, output=output)
    )


def matrices(layer):
    """What encoder and decoder do to unit vectors, each as (units, inputs)."""
    units, inputs = layer.spec.units, layer.spec.inputs
    down = layer.encode(torch.eye(inputs)) - layer.encode(torch.zeros(1, inputs))
    up = layer.decode(torch.eye(units)) - layer.decode(torch.zeros(1, units))
    return down.detach().T, up.detach()


def assert_tied(layer):
    down, up = matrices(layer)
    torch.testing.assert_close(down, up, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_the_decoder_stays_the_transpose_through_training_and_files(name, tmp_path):
    layer, x = tied(), torch.rand(8, 6)
    start = matrices(layer)[0]
    training = Training(optimizer=name, learning_rate=0.05, weight_decay=0.1, momentum=0.9)
    optimizer, schedule = optim.build(layer.parameters(), training, steps=5)
    for _ in range(5):
        optimizer.zero_grad()
        (layer.decode(layer.encode(x)) - x).square().mean().backward()
        optimizer.step()
        schedule.step()
        assert_tied(layer)
    assert (matrices(layer)[0] - start).abs().max() > 0.01
    checkpoint.save(Stack([layer]), tmp_path / "model", "tiny")
    (loaded,) = checkpoint.load(tmp_path / "model").layers
    assert_tied(loaded)
    assert torch.equal(loaded.decode(loaded.encode(x)), layer.decode(layer.encode(x)))


def test_biases_are_free():
    layer = tied()
    layer.visible_bias.data += 1
    assert torch.equal(layer.decode(torch.zeros(1, 4)), torch.ones(1, 6))
    assert torch.equal(layer.encode(torch.zeros(1, 6)), torch.zeros(1, 4))


def test_half_the_parameters_by_hand():
    def count(kind):
        names = {"hidden": "gelu", "code": "linear", "output": "sigmoid"}
        specs = chain_specs(784, [1000, 500, 250, 30], **names, kind=kind)
        return sum(p.numel() for p in checkpoint.build(specs).parameters())

    # 784*1000 + 1000*500 + 500*250 + 250*30 weights; biases 1000+500+250+30 and 784+1000+500+250.
    assert count("tied") == 1_416_500 + 1_780 + 2_534
    assert count("dense") == 2 * 1_416_500 + 1_780 + 2_534


def test_the_gradient_is_the_sum_of_both_paths():
    layer, x = tied(activation="tanh").double(), torch.rand(5, 6).double()
    weight = layer.encoder.weight.detach()
    (layer.decode(layer.encode(x)) - x).square().sum().backward()
    code = torch.tanh(x @ weight.T)
    error = 2 * (code @ weight - x)
    decoder_path = code.T @ error
    encoder_path = ((error @ weight.T) * (1 - code**2)).T @ x
    torch.testing.assert_close(layer.encoder.weight.grad, decoder_path + encoder_path)
    torch.testing.assert_close(layer.visible_bias.grad, error.sum(0))


def test_one_matrix_in_the_state_and_in_copies():
    layer = tied()
    shapes = sorted(tuple(value.shape) for value in layer.state_dict().values())
    assert shapes == [(4,), (4, 6), (6,)]
    twin, before = copy.deepcopy(layer), matrices(layer)[0]
    for parameter in twin.parameters():
        parameter.data += 1
    assert_tied(twin)
    torch.testing.assert_close(matrices(twin)[1], before + 1, atol=1e-5, rtol=0)
    assert torch.equal(matrices(layer)[0], before)
