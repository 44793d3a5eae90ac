"""Training on moved copies; parts of batches and checkpoints give what whole ones give."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ae_lightning.config.environment import Environment
from ae_lightning.config.layers import Layer, Training, Views
from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import BatchIndices
from ae_lightning.errors import UserError
from ae_lightning.nn.stack import Stack
from ae_lightning.training.closed_form import pca_stack
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.input_transform import moments, whitening
from ae_lightning.training.pretrain import pretrain
from ae_lightning.training.setup import Fit

PLAIN = Environment(precision="32-true", accelerator="cpu")
STEADY = Training(
    optimizer="sgd", learning_rate=1e-3, batch_size=24, epochs=2, loss="squared-error"
)


def variant(**changes):
    settings = {"data": "tiny", "input": "prepared/tiny", "sizes": (6, 3), "train": STEADY}
    return Variant(**settings | changes)


def trained(tiny, tmp_path, item, environment=PLAIN):
    how = replace(Fit.of(item, environment), resume=tmp_path / "resume", curve=tmp_path / "c.csv")
    stack = FITTERS[item.kind](item, Stack([]), tiny, how)
    losses = np.genfromtxt(tmp_path / "c.csv", delimiter=",", names=True)["trainloss"]
    return stack, np.atleast_1d(losses)


def test_the_mean_and_covariance_are_numpys(tiny: PreparedDataset):
    x = np.concatenate([tiny.inputs(split) for split in ("train", "validation")]) / 255
    mean, covariance = moments(tiny)
    x = x.reshape(len(x), -1)
    np.testing.assert_allclose(mean, x.mean(0), atol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(x.T, bias=True), atol=1e-6)


def test_codes_agree_more_the_more_it_is_asked_for(tiny, tmp_path):
    def spread(agreement):
        views = Views(shift=2, flip=True, agreement=agreement)
        train = Training(optimizer="adamw", learning_rate=0.01, batch_size=24, epochs=20)
        item = variant(views=views, whiten=0.25, output="linear", train=train)
        stack, losses = trained(tiny, tmp_path, item)
        assert losses[-1] < losses[0]
        x = torch.from_numpy(np.array(tiny.inputs("test")))
        with torch.no_grad():
            codes = stack.encode(x.flatten(1) / 255)
            moved = stack.encode(x.flip(2).flatten(1) / 255)
        return float(torch.cosine_similarity(codes, moved).mean())

    assert spread(300.0) > spread(0.0) + 0.05


def test_a_greedy_layer_learns_from_copies_too(tiny, tmp_path):
    layer = Layer(data="tiny", input="prepared/tiny", units=8, views=Views(flip=True), l1=0.01)
    how = replace(Fit.of(layer, PLAIN), resume=tmp_path)
    assert pretrain("first", layer, Stack([]), tiny, how).units == 8


@pytest.mark.parametrize(
    "environment",
    [{"accumulate": 3}, {"checkpointing": True}, {"accumulate": 2, "checkpointing": True}],
    ids=str,
)
def test_less_memory_gives_the_same_net(tiny, tmp_path, environment):
    item = variant(l2=0.01)
    whole, losses = trained(tiny, tmp_path, item)
    spared, others = trained(tiny, tmp_path, item, PLAIN.model_copy(update=environment))
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    for name, weights in whole.state_dict().items():
        torch.testing.assert_close(spared.state_dict()[name], weights, rtol=1e-4, atol=1e-6)


def test_a_batch_must_fall_into_equal_parts():
    assert [len(part) for part in BatchIndices(10, 4, shuffle=True, parts=2)] == [2, 2, 2, 2]
    with pytest.raises(UserError, match="AE_ACCUMULATE: must divide the batch size 4, found 3"):
        BatchIndices(10, 4, shuffle=True, parts=3)


def test_pca_of_whitened_images_is_scikit_learns(tiny):
    first = whitening(tiny, 0.25)
    x = np.concatenate([tiny.inputs(split) for split in ("train", "validation")]) / 255
    white = first(torch.from_numpy(x.reshape(len(x), -1)).float()).numpy()
    expected = PCA(3).fit_transform(white)
    with torch.no_grad():
        codes = pca_stack(tiny, 3, first).encode(torch.from_numpy(x.reshape(len(x), -1)).float())
        unit = pca_stack(tiny, 3, first, "unit").encode(torch.from_numpy(x).flatten(1).float())
    np.testing.assert_allclose(codes.abs().numpy(), np.abs(expected), atol=1e-3)
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(unit.abs().numpy(), np.abs(expected) / lengths * 3**0.5, atol=1e-3)


def test_images_can_be_their_own_code(tiny, tmp_path):
    item = variant(kind="vectors", sizes=())
    stack = FITTERS["vectors"](item, Stack([]), tiny, Fit.of(item, PLAIN))
    x = torch.rand(2, 64)
    assert torch.equal(stack.encode(x), x)
    assert torch.equal(stack(x), x)
