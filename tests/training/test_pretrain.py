import numpy as np
import pytest
import torch

from ae_lightning.config.layers import Layer
from ae_lightning.config.variants import Variant
from ae_lightning.data.sampler import to_unit
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.training.codes import encode
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.pretrain import pretrain


@pytest.fixture
def below():
    """A stack of one layer, as if it were pretrained."""
    torch.manual_seed(3)
    return checkpoint.build([DenseSpec(inputs=64, units=8, activation="tanh", output="sigmoid")])


@pytest.fixture
def batches(monkeypatch):
    """Every batch that is trained on."""
    seen, step = [], Reconstruction.training_step

    def watched(self, batch):
        seen.append(batch.clone())
        return step(self, batch)

    monkeypatch.setattr(Reconstruction, "training_step", watched)
    return seen


def copy_of(stack):
    return {key: value.clone() for key, value in stack.state_dict().items()}


def rows(array):
    return sorted(row.numpy().tobytes() for row in array)


def a_layer(units, how, **options):
    return Layer(
        data="tiny",
        input="layers/tiny-1",
        units=units,
        train=how().training.model_dump(),
        **options,
    )


def test_layers_below_do_not_move_and_the_new_one_learns(tiny, below, how):
    before, codes = copy_of(below), encode(below, tiny.inputs("validation"))
    stack = pretrain("tiny-2", a_layer(4, how), below, tiny, how(epochs=60))
    for key, value in before.items():
        assert torch.equal(stack.state_dict()[key], value)
    assert stack.layers[0] is below.layers[0]
    top = Stack(stack.layers[1:])
    assert (top.specs[0].inputs, top.specs[0].units) == (8, 4)
    with torch.no_grad():
        error = (top(codes) - codes).square().sum(1).mean()
    assert error < 0.5 * codes.var(0).sum()  # better than the mean, which a bias alone gives


def test_it_learns_from_the_codes_below(tiny, below, how, batches):
    pretrain("tiny-2", a_layer(4, how), below, tiny, how(epochs=1))
    codes = encode(below, tiny.inputs("train"))
    assert rows(torch.cat(batches)) == rows(codes)


def test_the_first_layer_learns_from_the_examples(tiny, how, batches):
    layer = Layer(data="tiny", input="prepared/tiny", units=4, output="sigmoid")
    stack = pretrain("tiny-1", layer, Stack([]), tiny, how(epochs=1))
    assert rows(torch.cat(batches)) == rows(to_unit(torch.tensor(tiny.inputs("train"))))
    assert stack.specs[0].output == "sigmoid"


def test_a_decoder_answers_as_the_layer_below_does(tiny, below, how):
    layer = a_layer(4, how, activation="linear", output="sigmoid")
    stack = pretrain("tiny-2", layer, below, tiny, how(epochs=1))
    assert stack.specs[1].output == "tanh"
    assert stack.specs[1].activation == "linear"


def test_the_seed_alone_decides(tiny, below, how):
    weights = []
    for noise in range(2):
        torch.manual_seed(noise)
        stack = pretrain("tiny-2", a_layer(4, how), below, tiny, how(epochs=1))
        weights.append(copy_of(stack))
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_codes_beyond_memory_make_no_difference(tiny, below, how, monkeypatch):
    stacks = []
    for kept in (True, False):
        if not kept:
            monkeypatch.setattr("ae_lightning.training.pretrain.in_memory", lambda a, limit: a)
        stacks.append(pretrain("tiny-2", a_layer(4, how), below, tiny, how(epochs=1)))
    first, second = map(copy_of, stacks)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_layer_wider_than_its_input_needs_a_penalty(tiny, how):
    layer = Layer(data="tiny", input="prepared/tiny", units=65)
    with pytest.raises(UserError) as caught:
        pretrain("tiny-1", layer, Stack([]), tiny, how(epochs=1))
    line = str(caught.value)
    assert line.startswith("params.yaml: layers.tiny-1.l1: ")
    assert "65 > 64" in line
    assert "\n" not in line


def test_a_penalty_makes_a_wide_code_sparse(tiny, how):
    sums = []
    for weight in (1e-9, 0.5):
        layer = Layer(data="tiny", input="prepared/tiny", units=70, l1=weight, activation="relu")
        stack = pretrain("tiny-1", layer, Stack([]), tiny, how(learning_rate=0.1))
        sums.append(encode(stack, tiny.inputs("validation")).abs().sum(1).mean())
    assert sums[1] < 0.8 * sums[0]


def test_fine_tuning_begins_at_the_pretrained_layers_and_moves_all(tiny, below, how, monkeypatch):
    at_start = {}
    start = Reconstruction.on_train_epoch_start

    def watched(self):
        if not at_start:
            at_start.update(copy_of(self.stack))
        start(self)

    monkeypatch.setattr(Reconstruction, "on_train_epoch_start", watched)
    before = copy_of(below)
    variant = Variant(data="tiny", input="layers/tiny-1", sizes=(3,), output="linear")
    stack = FITTERS["autoencoder"](variant, below, tiny, how())
    assert [(s.units, s.activation, s.output) for s in stack.specs] == [
        (8, "tanh", "sigmoid"),
        (3, "linear", "tanh"),
    ]
    assert all(torch.equal(at_start[key], value) for key, value in before.items())
    after = stack.state_dict()
    assert all(not torch.equal(after[key], value) for key, value in at_start.items())
    assert np.isfinite(encode(stack, tiny.inputs("test")).numpy()).all()


def test_without_pretraining_all_layers_are_new(tiny, how):
    variant = Variant(data="tiny", input="prepared/tiny", sizes=(5, 2), output="linear")
    stack = FITTERS["autoencoder"](variant, Stack([]), tiny, how(epochs=1))
    assert [(s.inputs, s.units, s.output) for s in stack.specs] == [
        (64, 5, "linear"),
        (5, 2, "gelu"),
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"kind": "rbm", "activation": "sigmoid"}, ["layers.top.kind", "probabilities", "'tanh'"]),
        ({"kind": "conv"}, ["layers.top.kind", "needs images", "8 numbers"]),
    ],
)
def test_a_kind_that_does_not_fit_gets_one_line(tiny, below, how, options, said):
    with pytest.raises(UserError) as caught:
        pretrain("top", a_layer(4, how, **options), below, tiny, how())
    line = str(caught.value)
    assert line.startswith("params.yaml: ")
    assert "\n" not in line
    assert [part for part in said if part not in line] == []


def test_a_window_that_does_not_divide_the_image_gets_one_line(tiny, how):
    layer = a_layer(4, how, kind="conv", pool=3, l1=0.1)
    with pytest.raises(UserError, match=r"^params\.yaml: layers\.top\.pool: .*8 (x|by) 8"):
        pretrain("top", layer, Stack([]), tiny, how())


def test_convolutions_stand_on_convolutions(tiny, how):
    settings = how(epochs=1)
    first = pretrain("one", a_layer(3, how, kind="conv", l1=0.1), Stack([]), tiny, settings)
    second = pretrain("two", a_layer(5, how, kind="conv", l1=0.1), first, tiny, settings)
    assert [spec.units for spec in second.specs] == [3 * 4 * 4, 5 * 2 * 2]
    assert second(torch.rand(2, 64)).shape == (2, 64)


def test_a_machine_is_unrolled_into_a_dense_layer(tiny, how):
    layer = a_layer(6, how, kind="rbm", activation="sigmoid", cd_steps=2)
    options = {"optimizer": "sgd", "learning_rate": 0.1, "epochs": 2}
    (top,) = pretrain("top", layer, Stack([]), tiny, how(**options)).layers
    assert top.spec.kind == "dense"
    assert torch.equal(top.decoder.weight, top.encoder.weight.T)
