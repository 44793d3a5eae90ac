import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from ae_lightning.config.variants import Variant
from ae_lightning.data.sampler import to_unit
from ae_lightning.evaluation.metrics.subspace import largest_angle
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.training.closed_form import pca_stack
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.fit import fit


def unit(data, *splits):
    arrays = [data.inputs(split).reshape(-1, data.features) for split in splits]
    return np.concatenate(arrays).astype(np.float64) / 255


def test_the_stack_is_scikit_learns_pca(tiny):
    reference = PCA(5, svd_solver="full").fit(unit(tiny, "train", "validation"))
    stack, x = pca_stack(tiny, 5), unit(tiny, "test")
    batch = to_unit(torch.from_numpy(tiny.inputs("test").copy()))
    codes, expected = stack.encode(batch).detach().numpy(), reference.transform(x)
    signs = np.sign((codes * expected).sum(0))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-4)
    restored = reference.inverse_transform(expected)
    np.testing.assert_allclose(stack(batch).detach().numpy(), restored, atol=1e-4)


def test_all_components_reconstruct_exactly(tiny):
    stack = pca_stack(tiny, 64)
    batch = to_unit(torch.from_numpy(tiny.inputs("test").copy()))
    torch.testing.assert_close(stack(batch), batch, atol=1e-4, rtol=0)


def test_the_variant_has_an_empty_learning_curve(tiny, how, tmp_path):
    variant = Variant(data="tiny", input="prepared/tiny", kind="pca", sizes=(2,))
    stack = FITTERS["pca"](variant, Stack([]), tiny, how())
    assert torch.equal(stack.layers[0].encoder.weight, pca_stack(tiny, 2).layers[0].encoder.weight)
    assert (tmp_path / "curve.csv").read_text() == "epoch,seconds,train/loss,val/loss,val/sse\n"


def test_a_linear_autoencoder_trained_by_gradient_finds_pcas_subspace(tiny, how):
    x = unit(tiny, "train")
    reference = PCA(3).fit(x)  # four classes span three directions, the rest is noise
    optimum = ((reference.inverse_transform(reference.transform(x)) - x) ** 2).sum(1).mean()
    torch.manual_seed(0)
    stack = checkpoint.build([DenseSpec(inputs=64, units=3, activation="linear", output="linear")])
    options = {"optimizer": "muon", "learning_rate": 0.05, "schedule": "linear", "warmup": 0}
    train = tiny.inputs("train")
    fit(stack, train, train, how(epochs=300, batch_size=96, **options))
    batch = to_unit(torch.from_numpy(train.copy()))
    sse = (stack(batch) - batch).square().sum(1).mean().item()
    assert sse == pytest.approx(optimum, rel=1e-3)
    assert sse >= optimum * (1 - 1e-5)
    ours = stack.layers[0].decoder.weight.detach().numpy().T
    assert largest_angle(ours, reference.components_) < 1
