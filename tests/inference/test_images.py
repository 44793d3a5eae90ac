"""Models of images against scikit-learn's PCA and torch, and every wrong input in one line."""

import re

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from ae_lightning import Model, load
from ae_lightning.config.environment import Environment
from ae_lightning.errors import UserError
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.inference.images import as_bytes
from ae_lightning.nn import checkpoint
from ae_lightning.training.closed_form import pca_stack
from tests.inference.conftest import write_prepared


def flat(images):
    return images.reshape(len(images), -1).astype(np.float64) / 255


@pytest.fixture
def reference(tiny):
    seen = np.concatenate([tiny.inputs(split) for split in ("train", "validation")])
    return PCA(5, svd_solver="full").fit(flat(seen))


def test_pca_is_scikit_learns(artifacts, images, reference):
    model = load("pca-5")
    codes, expected = model.transform(images), reference.transform(flat(images))
    signs = np.sign((codes * expected).sum(0))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-5)
    restored = reference.inverse_transform(expected).reshape(images.shape)
    for back in (model.inverse_transform(codes), model.reconstruct(images)):
        assert back.dtype == np.float32
        np.testing.assert_allclose(back, restored, atol=1e-5)
    sse = ((restored - images / 255) ** 2).sum() / len(images)
    assert model.score(images) == pytest.approx(-sse, rel=1e-5)


@pytest.mark.parametrize("name", ["pca-5", "switches", "repeat", "bits"])
def test_the_score_is_that_of_metrics_json(name, artifacts, images):
    stack = checkpoint.load(artifacts / "models" / name).eval()
    evaluated = Evaluator(stack, Environment(accelerator="cpu")).reconstruction(images)
    assert load(name).score(images) == pytest.approx(-evaluated["sse"], rel=1e-5)


def test_every_way_to_give_the_same_images_gives_the_same_codes(artifacts, images):
    model = load("pca-5")
    codes = model.encode(images)
    unit = images.astype(np.float32) / 255
    for same in (images[..., None], images.reshape(-1, 64), unit, unit.astype(np.float64)):
        np.testing.assert_allclose(model.encode(same), codes, atol=1e-5)
    np.testing.assert_allclose(model.encode((images / 255).tolist()), codes, atol=1e-5)


def test_batches_change_nothing(artifacts, images, monkeypatch):
    model = load("repeat")
    whole = model.encode(images), model.reconstruct(images), model.score(images)
    monkeypatch.setattr(type(model), "batch", 7)
    for one, other in zip(
        whole, (model.encode(images), model.reconstruct(images), model.score(images)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_switches_reconstruct_from_images_and_refuse_bare_codes(artifacts, images):
    model, stack = load("switches"), checkpoint.load(artifacts / "models" / "switches").eval()
    with torch.inference_mode():
        expected = stack(torch.from_numpy(flat(images)).float()).numpy()
    back = model.reconstruct(images).reshape(len(images), -1)
    np.testing.assert_allclose(back, expected, atol=1e-6)
    with pytest.raises(UserError, match="needs the positions of the maxima"):
        model.decode(model.encode(images))


def test_colours_come_back_in_their_shape(artifacts):
    data = write_prepared(artifacts / "prepared" / "colour", (4, 6, 3))
    checkpoint.save(pca_stack(data, 3), artifacts / "models" / "colour", "colour")
    images = data.inputs("test")
    assert load("colour").reconstruct(images).shape == (5, 4, 6, 3)
    with pytest.raises(UserError, match=r"found \(5, 4, 6\); the model is for images in three co"):
        load("colour").encode(images[..., 0])


def test_it_stands_in_a_pipeline(artifacts, tiny):
    steps = make_pipeline(load("pca-5"), KNeighborsClassifier(1))
    steps.fit(tiny.inputs("train"), tiny.labels("train"))
    assert steps.score(tiny.inputs("test"), tiny.labels("test")) == 1  # bars are easy


def test_no_images_have_no_codes_and_no_score(artifacts, images):
    model = load("pca-5")
    assert model.encode(images[:0]).shape == (0, 5)
    assert model.decode(np.empty((0, 5))).shape == (0, 8, 8)
    with pytest.raises(UserError, match="score: must have examples to average over"):
        model.score(images[:0])


def test_what_it_says_of_itself(artifacts):
    model = load("pca-5")
    assert isinstance(model, Model)
    assert repr(model) == "<ImageModel 'pca-5' on 'tiny', 5 numbers>"
    assert (model.shape, model.code_size, model.data.kind) == ((8, 8), 5, "idx")


def unit(shape, value=0.5):
    return np.full(shape, value)


def with_nan():
    images = unit((4, 8, 8))
    images[2, 1, 3] = np.nan
    return images


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (unit((3, 7, 8)), "images: must be (N, 8, 8) or flat (N, 64), found (3, 7, 8); scale"),
        (unit((3, 63)), "found (3, 63); scale or cut"),
        (unit((8, 8)), "found (8, 8); for one image give image[None]"),
        (unit((64,)), "found (64,); for one image give image[None]"),
        (unit((3, 8, 8, 3)), "found (3, 8, 8, 3); the model is for images in grey, so convert"),
        (unit((3, 8, 8)).astype(int), "uint8 from 0 to 255 or floats from 0 to 1, found int"),
        (unit((3, 8, 8)).astype(str), "or floats from 0 to 1, found <U32"),
        (unit((3, 8, 8), 200.0), "found 200 in row 0 (value 0); divide by 255, or give uint8"),
        (unit((3, 8, 8), -0.5), "floats must be from 0 to 1, found -0.5 in row 0 (value 0); scale"),
        (with_nan(), "images: must be finite, found nan in row 2 (value 11); remove or mend it"),
        (unit((3, 8, 8), np.inf), "images: must be finite, found inf in row 0"),
    ],
)  # fmt: skip
def test_images_that_it_was_not_made_for(images, line, artifacts):
    with pytest.raises(UserError, match=re.escape(line)) as error:
        load("pca-5").encode(images)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("codes", "line"),
    [
        (np.zeros((2, 4)), "codes: must be (N, 5), found (2, 4); give a row for each"),
        (np.zeros(5), "codes: must be (N, 5), found (5,); for one code give code[None]"),
        (np.full((2, 5), np.nan), "codes: must be finite, found nan in row 0 (value 0)"),
        (np.full((2, 5), "a"), "codes: must be numbers, found <U1"),
    ],
)
def test_codes_that_it_cannot_have_made(codes, line, artifacts):
    with pytest.raises(UserError, match=re.escape(line)):
        load("pca-5").decode(codes)


def test_what_a_linear_net_answers_is_cut_for_pictures():
    answers = np.array([[-0.1, 0.0, 0.5, 1.0, 1.2]], dtype=np.float32)
    assert as_bytes(answers).tolist() == [[0, 0, 128, 255, 255]]
