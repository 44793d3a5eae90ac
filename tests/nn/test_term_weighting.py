import math

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from ae_lightning.nn.activations import unit
from ae_lightning.nn.layers.dense import DenseLayer, DenseSpec
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import WEIGHTS, Weighting

COUNTS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 4.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
IDF = torch.tensor([2.0, 3.0, 0.5])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("binary", [0, 1, 1]),
        ("counts", [0, 1, 4]),
        ("log-counts", [0, 1, 1 + math.log(4)]),
        ("tfidf", [0, 3, (1 + math.log(4)) / 2]),
    ],
)
def test_weights_by_hand(name, row):
    weights = WEIGHTS[name](COUNTS, IDF)
    torch.testing.assert_close(weights[1], torch.tensor(row, dtype=torch.float32))
    assert not weights[3].any()


def test_tfidf_has_the_directions_of_scikit_learns():
    counts = np.random.default_rng(0).poisson(0.7, (30, 12))
    transformer = TfidfTransformer(sublinear_tf=True).fit(counts)
    ours = Weighting("tfidf", torch.from_numpy(transformer.idf_).float())
    weighed = ours(torch.from_numpy(counts).float())
    expected = transformer.transform(counts).toarray() * 12**0.5
    np.testing.assert_allclose(weighed.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("output", "weights", "row"),
    [
        ("softmax", "counts", [0, 1 / 5, 4 / 5]),
        ("sigmoid", "binary", [0, 1, 1]),
        ("linear", "counts", [0, (3 / 17) ** 0.5, 4 * (3 / 17) ** 0.5]),
    ],
)
def test_the_target_is_what_the_output_can_answer(output, weights, row):
    spec = DenseSpec(inputs=3, units=2, activation="linear", output=output)
    stack = Stack([DenseLayer(spec)], Weighting(weights, IDF))
    torch.testing.assert_close(stack.target(COUNTS)[1], torch.tensor(row, dtype=torch.float32))
    assert not stack.target(COUNTS)[3].any()


def test_every_document_gets_one_length():
    rows = unit(COUNTS)
    assert rows[:3].square().mean(1).tolist() == pytest.approx([1, 1, 1])
    assert not rows[3].any()
