import numpy as np
import pytest
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer

from ae_lightning.config.layers import Layer
from ae_lightning.config.variants import Neighbours, Variant
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.training.closed_form import lsa_stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.finetune import FITTERS
from ae_lightning.training.input_transform import weighting
from ae_lightning.training.objectives.documents import own_and_neighbours, with_neighbours
from ae_lightning.training.pretrain import pretrain


def both(data):
    return np.concatenate([data.counts(split)[:] for split in ("train", "validation")])


def fitted(kind, data, how, **options):
    variant = Variant(data="notes", input="prepared/notes", kind=kind, **options)
    return FITTERS[kind](variant, Stack([]), data, how())


def test_idf_is_scikit_learns_of_all_but_the_test_documents(notes):
    ours = weighting("tfidf", notes).idf
    np.testing.assert_allclose(ours, TfidfTransformer().fit(both(notes)).idf_, rtol=1e-6)


def test_lsa_is_scikit_learns(notes):
    weighted = TfidfTransformer(sublinear_tf=True).fit(both(notes))
    reference = TruncatedSVD(3, random_state=0).fit(weighted.transform(both(notes)))
    expected = reference.transform(weighted.transform(notes.counts("test")[:]))
    stack = lsa_stack(notes, weighting("tfidf", notes), 3)
    codes = stack.encode(torch.from_numpy(notes.counts("test")[:])).detach().numpy()
    signs = np.sign((codes * expected).sum(0))
    np.testing.assert_allclose(codes * signs, expected * notes.features**0.5, atol=1e-3)


def test_vectors_are_the_weighted_words(notes, how, tmp_path):
    stack = fitted("vectors", notes, how, weights="binary")
    counts = torch.from_numpy(notes.counts("test")[:])
    assert stack.units == notes.features
    assert torch.equal(stack.encode(counts) > 0, counts > 0)
    checkpoint.save(stack, tmp_path / "model", "notes")
    assert torch.equal(checkpoint.load(tmp_path / "model").encode(counts), stack.encode(counts))


def test_an_autoencoder_of_documents_learns_and_is_kept(notes, how, tmp_path):
    options = {"sizes": (4, 2), "weights": "log-counts", "output": "softmax"}
    train = {"epochs": 30, "batch_size": 20, "optimizer": "adamw", "learning_rate": 0.02}
    stack = fitted("autoencoder", notes, lambda: how(**train), **options)
    counts = torch.from_numpy(notes.counts("test")[:])
    target, mean = stack.target(counts), stack.target(torch.from_numpy(both(notes))).mean(0)
    error = -(target * stack(counts).log()).sum(1).mean()
    assert error < -(target * mean.log()).sum(1).mean() - 0.2  # better than knowing no document
    torch.testing.assert_close(stack(counts).sum(1), torch.ones(len(counts)))
    checkpoint.save(stack, tmp_path / "model", "notes")
    assert torch.equal(checkpoint.load(tmp_path / "model")(counts), stack(counts))


def test_layers_on_a_bag_of_words_keep_its_weighting(notes, how):
    first = Layer(data="notes", input="prepared/notes", units=5, weights="tfidf", output="softmax")
    below = pretrain("one", first, Stack([]), notes, how())
    second = Layer(data="notes", input="layers/one", units=2, activation="linear")
    stack = pretrain("two", second, below, notes, how())
    assert stack.first is below.first
    assert stack.encode(torch.from_numpy(notes.counts("test")[:])).shape == (20, 2)


def test_the_target_is_shared_with_the_neighbours(notes):
    spec = DenseSpec(inputs=notes.features, units=2, activation="linear", output="softmax")
    stack = Stack(checkpoint.build([spec]).layers, weighting("counts", notes))
    variant = Variant(
        data="notes",
        input="prepared/notes",
        sizes=(2,),
        weights="counts",
        neighbours=Neighbours(count=2, share=0.25),
    )
    train, validation = with_neighbours(stack, notes, variant, 100)
    batch = torch.from_numpy(validation[np.arange(5)])
    counts, target = own_and_neighbours(stack, batch, variant, False)
    own = notes.counts("validation")[:5]
    np.testing.assert_array_equal(counts, own)
    own = own / own.sum(1, keepdims=True)
    around = (validation.links[:5] @ train.words).toarray()
    np.testing.assert_allclose(target, 0.75 * own + 0.25 * around, atol=1e-6)
    np.testing.assert_allclose(target.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("corruption", [{}, {"mask": 0.5}])
def test_neighbours_are_learned_from(notes, how, corruption):
    variant = Variant(
        data="notes",
        input="prepared/notes",
        sizes=(3,),
        weights="tfidf",
        output="softmax",
        corruption=corruption,
        neighbours=Neighbours(count=3, share=0.8),
    )
    train = {"epochs": 20, "batch_size": 20, "optimizer": "adamw", "learning_rate": 0.02}
    curve = how().curve
    FITTERS["autoencoder"](variant, Stack([]), notes, how(**train))
    losses = LearningCurve.read(curve).columns["val/loss"]
    assert losses[-1] < losses[0] - 0.05
