import pytest
import torch

from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec
from ae_lightning.nn.stack import Stack, chain_specs


def layer(inputs, units, activation="gelu", output="sigmoid"):
    return DenseLayer(DenseSpec(inputs=inputs, units=units, activation=activation, output=output))


@pytest.fixture
def chain():
    """Three layers as greedy pretraining gives them: each decodes what the one below answers."""
    torch.manual_seed(0)
    return [
        layer(7, 9, "gelu", "sigmoid"),
        layer(9, 5, "tanh", "gelu"),
        layer(5, 2, "linear", "tanh"),
    ]


def test_one_layer_is_two_affine_maps():
    torch.manual_seed(0)
    one, x = layer(7, 4, "tanh", "sigmoid"), torch.rand(3, 7)
    code = torch.tanh(x @ one.encoder.weight.T + one.encoder.bias)
    torch.testing.assert_close(one.encode(x), code)
    torch.testing.assert_close(
        one.decode(code), torch.sigmoid(code @ one.decoder.weight.T + one.decoder.bias)
    )


def test_unrolled_equals_the_chain_of_layers_exactly(chain):
    x, stack = torch.rand(4, 7), Stack(chain)
    first, second, third = chain
    code = third.encode(second.encode(first.encode(x)))
    assert torch.equal(stack.encode(x), code)
    assert torch.equal(stack.decode(code), first.decode(second.decode(third.decode(code))))
    assert torch.equal(stack(x), stack.decode(code))
    assert torch.equal(torch.sigmoid(stack.decode_logits(code)), stack.decode(code))


def test_a_stack_holds_the_pretrained_layers_themselves(chain):
    before = [{k: v.clone() for k, v in one.state_dict().items()} for one in chain]
    stack = Stack(chain)
    for unrolled, trained, weights in zip(stack.layers, chain, before, strict=True):
        assert unrolled is trained
        assert unrolled.activation is trained.activation
        assert unrolled.output is trained.output
        for key, value in weights.items():
            assert torch.equal(unrolled.state_dict()[key], value)
    weights, biases = 2 * (7 * 9 + 9 * 5 + 5 * 2), (9 + 7) + (5 + 9) + (2 + 5)
    assert sum(p.numel() for p in stack.parameters()) == weights + biases


def test_stacking_more_keeps_the_codes_below(chain):
    x = torch.rand(4, 7)
    below = Stack(chain[:2]).encode(x)
    assert torch.equal(chain[2].encode(below), Stack(chain).encode(x))


def test_an_empty_stack_leaves_its_input():
    x = torch.rand(2, 3)
    assert torch.equal(Stack([])(x), x)
    assert Stack([]).specs == []


def test_widths_must_fit():
    with pytest.raises(UserError, match=r"^layer 3: .*4 units.*found 5 inputs") as caught:
        Stack([layer(7, 9), layer(9, 4), layer(5, 2)])
    assert "\n" not in str(caught.value)


def test_specs_of_a_chain_mirror_its_activations():
    specs = chain_specs(6, [5, 4, 3], hidden="gelu", code="linear", output="sigmoid")
    assert [(s.inputs, s.units) for s in specs] == [(6, 5), (5, 4), (4, 3)]
    assert [s.activation for s in specs] == ["gelu", "gelu", "linear"]
    assert [s.output for s in specs] == ["sigmoid", "gelu", "gelu"]
    assert checkpoint.build(specs)(torch.rand(2, 6)).shape == (2, 6)
    assert chain_specs(6, [], hidden="gelu", code="linear", output="sigmoid") == []


def test_a_chain_of_one_goes_from_the_data_to_the_code():
    (spec,) = chain_specs(6, [2], hidden="gelu", code="linear", output="sigmoid")
    assert (spec.activation, spec.output) == ("linear", "sigmoid")
