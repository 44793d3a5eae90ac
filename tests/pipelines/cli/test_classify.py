"""A classifier in use, from Python and on the command line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score

from ae_lightning import load
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import Classifier, ClassifierCheckpoint
from ae_lightning.nn.stack import chain_specs

SECTION = """
layers:
  one: {data: tiny, input: prepared/tiny, units: 5}
classifiers:
  judge: {data: tiny, input: layers/one}
  clerk: {data: tiny, input: layers/one}
"""
RUNS = {
    "random-8-0": {"start": "random", "labels": 8, "seed": 0},
    "pretrained-all-0": {"start": "pretrained", "labels": "all", "seed": 0},
}


@pytest.fixture
def nets(artifacts, tiny):
    """The nets of ``judge`` by run; ``clerk`` is not trained."""
    with Path("params.yaml").open("a") as file:
        file.write(SECTION)
    folder, found = artifacts / "classifiers" / "judge", {}
    torch.manual_seed(0)
    below = checkpoint.build(chain_specs(64, (6, 5), hidden="gelu", code="gelu", output="sigmoid"))
    checkpoint.save(below, folder / "layers", "tiny")
    for name in RUNS:
        found[name] = net = Classifier(below, 4).eval()
        torch.nn.init.normal_(net.head.weight)
        save_file(
            {key: value.detach().half() for key, value in net.named_parameters()},
            folder / f"{name}.safetensors",
        )
    ClassifierCheckpoint(folder, "tiny", tiny.classes, "pretrained-all-0", RUNS).describe()
    return found


def shares(net, images):
    with torch.inference_mode():
        return net.half().float()(torch.from_numpy(images).flatten(1) / 255).softmax(1).numpy()


def test_it_is_a_classifier_of_scikit_learn(nets, tiny, images):
    model, labels = load("judge"), np.array(tiny.labels("test"))
    assert is_classifier(model)
    assert (clone(model).predict(images) == model.predict(images)).all()
    right = model.predict_proba(images).argmax(1) == labels
    weights = np.arange(len(labels))
    assert model.score(images, labels, weights) == pytest.approx((right @ weights) / weights.sum())
    assert cross_val_score(model, images, labels, cv=2).mean() == pytest.approx(right.mean())


def test_probabilities_classes_and_score(nets, tiny, images):
    model = load("judge")
    expected = shares(nets["pretrained-all-0"], images)
    np.testing.assert_allclose(model.predict_proba(images), expected, atol=1e-6)
    said = [tiny.classes[number] for number in expected.argmax(1)]
    assert model.predict(images).tolist() == said
    labels = np.array(tiny.labels("test"))
    truth = accuracy_score(labels, expected.argmax(1))
    assert model.score(images, labels) == pytest.approx(truth)
    assert model.score(images, [tiny.classes[number] for number in labels]) == pytest.approx(truth)
    assert model.encode(images).shape == (32, 5)
    assert model.run == "pretrained-all-0"


@pytest.mark.parametrize(
    ("use", "line"),
    [
        (lambda model, images: model.decode(np.zeros((1, 5))), "codes cannot be decoded"),
        (lambda model, images: model.reconstruct(images), "codes cannot be decoded"),
        (lambda model, images: model.score(images), r"y: must have the class of each of 32 images"),
        (lambda model, images: model.score(images[:2], ["1", "9"]), r"y\[1\]: .* found 9"),
        (
            lambda model, images: model.score(images[:1], [4]),
            r"y\[0\]: .* 0, 1, 2, 3, or its number, found 4; correct",
        ),
        (lambda model, images: model.predict(images[:, :7]), "images: must be"),
    ],
)
def test_what_cannot_be_asked_gets_one_line(nets, images, use, line):
    with pytest.raises(UserError, match=line):
        use(load("judge"), images)


def test_images_on_the_command_line(nets, images, ae):
    Image.fromarray(images[3]).save("digit.png")
    np.save("all.npy", images)
    status, output, _ = ae("classify", "judge", "digit.png", "all.npy", "--json")
    rows = json.loads(output)
    expected = shares(nets["pretrained-all-0"], images)
    assert (status, len(rows)) == (0, 33)
    assert rows[0]["input"] == "digit.png"
    assert rows[0]["class"] == str(expected[3].argmax())
    assert rows[0]["probability"] == pytest.approx(expected[3].max(), abs=1e-5)
    assert rows[0]["2"] == pytest.approx(expected[3, 2], abs=1e-5)
    lines = ae("classify", "judge", "digit.png")[1].splitlines()
    assert lines[0].split() == ["probability", "class", "input"]
    assert lines[1].split()[1:] == [str(expected[3].argmax()), "digit.png"]


def test_a_table_of_another_run(nets, images, ae):
    np.save("all.npy", images)
    options = ["--run", "random-8-0", "-o", "said.csv"]
    assert ae("classify", "judge", "all.npy", *options)[:2] == (0, "32 images: said.csv\n")
    frame = pd.read_csv("said.csv")
    expected = shares(nets["random-8-0"], images)
    np.testing.assert_allclose(frame[["0", "1", "2", "3"]], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["juge", "x.png"], "unknown classifier 'juge'; there is judge"),
        (["clerk", "x.png"], "clerk: not trained yet; run: ae flow clerk"),
        (["judge", "x.png", "--run", "random-8"], "unknown run 'random-8'; there is random-8-0"),
        (["judge"], "judge: found no input; give image files"),
        (["judge", "x.png"], "x.png"),
        (["judge", "all.npy", "-o", "said.txt"], "must end in .csv or .parquet, found '.txt'"),
    ],
)
def test_mistakes_are_one_line(nets, images, ae, arguments, line):
    np.save("all.npy", images)
    status, output, errors = ae("classify", *arguments)
    assert (status, output) == (2, "")
    assert line in errors
    assert errors.count("\n") == 1
    assert not Path("said.txt").exists()
