from itertools import pairwise, permutations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ae_lightning.evaluation.metrics.hamming import (
    binarize,
    distances,
    expected_precision,
    medians,
    most_frequent,
    precision_at,
    score_hamming,
)
from ae_lightning.evaluation.metrics.retrieval import score_retrieval

RANDOM = np.random.default_rng(0)


def over_all_orders(distance, relevant, k):
    """Mean precision of the k nearest over all permutations of one query's documents."""
    found = [
        relevant[list(order)][:k].mean()
        for order in permutations(range(len(distance)))
        if all(distance[a] <= distance[b] for a, b in pairwise(order))
    ]
    return np.mean(found)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 6, 9])
def test_the_expectation_is_the_mean_over_all_orders_of_ties(k):
    distance = RANDOM.integers(0, 3, (12, 6))
    relevant = RANDOM.random((12, 6)) < 0.5
    expected = [over_all_orders(*rows, k) for rows in zip(distance, relevant, strict=True)]
    np.testing.assert_allclose(expected_precision(distance, relevant, k), expected)


def test_the_expectation_by_hand():
    # One relevant at distance 0; at distance 2, where 2 of 4 have room, 1 of the 4 is relevant.
    distance = np.array([[2, 0, 2, 5, 2, 2]])
    relevant = np.array([[0, 1, 1, 1, 0, 0]], dtype=bool)
    assert expected_precision(distance, relevant, 3) == pytest.approx((1 + 2 * 1 / 4) / 3)
    assert expected_precision(distance, relevant, 1) == 1
    assert expected_precision(distance, relevant, 100) == 3 / 6


@pytest.mark.parametrize("bits", [1, 8, 64, 128])
def test_distances_are_scipys(bits):
    queries, database = RANDOM.random((7, bits)) < 0.5, RANDOM.random((9, bits)) < 0.3
    expected = cdist(queries, database, "hamming") * bits
    np.testing.assert_allclose(distances(queries, database), expected)


def test_bits_of_different_values_are_equally_often_on():
    codes = RANDOM.normal(size=(30, 4)).astype(np.float32)
    assert binarize(codes, medians(codes)).sum(0).tolist() == [15] * 4
    np.testing.assert_allclose(medians(codes), np.median(codes, 0), rtol=1e-6)


def test_of_an_odd_number_the_median_itself_is_on():
    codes = np.array([[1.0], [5.0], [2.0]])
    assert binarize(codes, medians(codes)).tolist() == [[False], [True], [True]]


def test_neighbouring_values_of_single_precision_are_told_apart():
    codes = np.array([[1.0], [np.nextafter(np.float32(1), np.float32(2))]], dtype=np.float32)
    assert binarize(codes, medians(codes)).tolist() == [[False], [True]]


@pytest.mark.parametrize("on", [1, 10, 15, 29])
def test_a_binary_code_keeps_its_bits(on):
    codes = (np.arange(30)[:, None] < on).astype(np.float32)
    assert np.array_equal(binarize(codes, medians(codes)), codes == 1)


def test_many_equal_values_are_cut_off_where_they_end():
    rectified = np.array([[0.0], [0.0], [0.0], [0.0], [1.0], [3.0]])
    assert medians(rectified) == 0.5


def test_a_constant_number_is_a_bit_that_is_off():
    codes = np.full((5, 1), 0.3, dtype=np.float32)
    assert not binarize(codes, medians(codes)).any()


def test_without_ties_it_is_the_precision_of_a_ranking():
    # Thermometer codes: the Hamming distance is that on the line.
    places = RANDOM.permutation(60)
    queries, database = (np.arange(60) < place[:, None] for place in (np.zeros(3), places))
    wanted, labels = np.eye(3, dtype=bool), RANDOM.random((60, 3)) < 0.4
    labels[:, 0] |= ~labels.any(1)
    expected = score_retrieval(
        queries * 1.0, wanted, database * 1.0, labels, distance="euclidean", cutoffs=(7,)
    )
    found = precision_at(queries, wanted, database, labels, k=7)
    assert found == pytest.approx(expected["precision@7"])
    order = RANDOM.permutation(60)
    assert precision_at(queries, wanted, database[order], labels[order], k=7) == found


def test_a_score_by_hand():
    # Medians of training 2.5 and 0; the query's bits are 10, the documents' 10, 11, 10, 01, 00.
    train = np.array([[1, -1], [2, -1], [3, 1], [4, 1]], dtype=np.float32)
    queries, wanted = np.array([[9.0, -9.0], [0.0, 0.0]]), np.array([[1, 0, 0], [0, 0, 0]]) > 0
    database = np.array([[3, -3], [3, 3], [5, -1], [0, 1], [0, 0], [9, -9]], dtype=float)
    labels = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 0, 0]]) > 0
    arguments = train, queries, wanted, database, labels
    # The two at distance 0: one of two is relevant; the one of the two at distance 1: so, too.
    assert score_hamming(*arguments, k=3) == {"precision@3": 0.5, "bits": 2}
    # Label 0 alone: left are 10, 11 and 01, all of them relevant.
    assert score_hamming(*arguments, k=2, topics=1) == {"precision@2": 1, "bits": 2}


def test_the_most_frequent_labels_come_first():
    labels = np.array([[0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0]], dtype=bool)
    assert most_frequent(labels, 3).tolist() == [1, 2, 3]
    assert most_frequent(labels).tolist() == [1, 2, 3, 0]
