import pytest
import torch

from ae_lightning.nn.bias_init import centre_decoder
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec


@pytest.mark.parametrize(
    ("output", "mean"),
    [
        ("sigmoid", [0.01, 0.5, 0.97]),
        ("gelu", [-0.1, 0.0, 3.0]),
        ("silu", [-0.1, 0.0, 3.0]),
        ("linear", [-20.0, 0.0, 20.0]),
        ("relu", [0.1, 1.0, 4.0]),
        ("tanh", [-0.9, 0.0, 0.9]),
        ("elu", [-0.9, 0.0, 5.0]),
    ],
)
def test_a_zero_code_decodes_to_the_mean(output, mean):
    layer = DenseLayer(DenseSpec(inputs=3, units=2, activation="gelu", output=output))
    centre_decoder(layer, torch.tensor(mean))
    assert torch.allclose(layer.decode(torch.zeros(1, 2))[0], torch.tensor(mean), atol=1e-4)


def test_a_zero_code_decodes_to_the_mean_distribution():
    layer = DenseLayer(DenseSpec(inputs=3, units=2, activation="gelu", output="softmax"))
    mean = torch.tensor([0.0, 0.3, 0.7])
    centre_decoder(layer, mean)
    assert torch.allclose(layer.decode(torch.zeros(1, 2))[0], mean, atol=1e-6)


def test_a_mean_out_of_reach_gets_the_nearest_end():
    layer = DenseLayer(DenseSpec(inputs=2, units=2, activation="gelu", output="sigmoid"))
    centre_decoder(layer, torch.tensor([0.0, 1.0]))
    low, high = layer.decode(torch.zeros(1, 2))[0]
    assert low < 1e-3
    assert high > 1 - 1e-3
