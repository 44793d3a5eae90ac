import json

import pytest
import torch

from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import (
    Classifier,
    ClassifierCheckpoint,
    trained_parameters,
    untrained,
)
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.nn.whitening import Whitening


def stack(kind="dense"):
    torch.manual_seed(0)
    specs = chain_specs(12, (9, 5), hidden="gelu", code="tanh", output="linear", kind=kind)
    first = Whitening(torch.zeros(12), torch.eye(12) * 2, torch.eye(12) / 2)
    return Stack(checkpoint.build(specs).layers, first)


def test_logits_are_a_linear_function_of_the_greedy_chains_code():
    below = stack()
    net = Classifier(below, 3)
    x = torch.rand(7, 12)
    assert torch.equal(net.code(x), below.encode(x))
    assert torch.allclose(net(x), below.encode(x) @ net.head.weight.T + net.head.bias)


def test_dropout_keeps_the_mean_and_rests_in_use():
    net = Classifier(stack(), 3, dropout=0.4)
    x = torch.ones(20_000, 12)
    thinned = net._thinned(x)
    assert thinned.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert float(thinned.mean()) == pytest.approx(1, abs=0.01)
    net.eval()
    assert torch.equal(net._thinned(x), x)


def test_an_untrained_stack_has_the_shape_and_the_first_step_but_other_weights():
    below = stack()
    torch.manual_seed(1)
    new = untrained(below)
    assert new.specs == below.specs
    assert torch.equal(new.first.state_dict()["mean"], below.first.state_dict()["mean"])
    assert not torch.equal(new.layers[0].encoder.weight, below.layers[0].encoder.weight)
    assert torch.count_nonzero(new.layers[0].encoder.bias) == 0
    wide = checkpoint.build([DenseSpec(inputs=800, units=600, activation="relu", output="linear")])
    assert float(untrained(wide).layers[0].encoder.weight.detach().var()) == pytest.approx(
        2 / 800, rel=0.02
    )


@pytest.mark.parametrize("kind", ["dense", "tied"])
def test_taught_are_encoder_and_head_and_with_the_decoder_all(kind):
    net = Classifier(stack(kind), 3)
    names = {name for name, _ in net.named_parameters()}
    alone = set(trained_parameters(net, 12))
    assert {name for name in names if "decoder" not in name} == alone
    assert set(trained_parameters(net, 12, decoder=True)) == names
    assert all(parameter.grad is None for parameter in net.parameters())


def test_convolutions_can_be_taught():
    options = {"kernel": 3, "pool": 2, "activation": "gelu", "output": "sigmoid"}
    spec = ConvSpec.of((1, 8, 8), 4, unpooling="repeat", **options)
    net = Classifier(checkpoint.build([spec]), 3)
    assert net(torch.rand(2, 64)).shape == (2, 3)
    assert "head.weight" in set(trained_parameters(net, 64))


@pytest.fixture
def stored(tmp_path):
    runs = {"random-4-0": {"start": "random", "labels": 4, "seed": 0}}
    found = ClassifierCheckpoint(tmp_path, "toy", ("a", "b"), "random-4-0", runs)
    found.describe()
    checkpoint.save(stack(), tmp_path / "layers", "toy")
    return found


def test_a_folder_tells_what_it_holds_and_what_is_wrong_with_it(stored):
    assert ClassifierCheckpoint.open(stored.folder) == stored
    with pytest.raises(UserError, match=r"no usable classifier .*; run: dvc repro supervise@"):
        stored.load("random-4-0")
    with pytest.raises(
        UserError, match=r"nowhere/model.json: no usable classifier here \(No such file"
    ):
        ClassifierCheckpoint.open(stored.folder / "nowhere")
    (stored.folder / "model.json").write_text(json.dumps({"data": "toy"}))
    with pytest.raises(UserError, match=r"no usable classifier here \('classes' is missing"):
        ClassifierCheckpoint.open(stored.folder)
