import tracemalloc

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from ae_lightning.data.concat import ConcatenatedArrays
from ae_lightning.evaluation.metrics import ranking as module
from ae_lightning.evaluation.metrics.ranking import (
    DISTANCES,
    average_precision,
    cosine,
    hit_precisions,
    nearest_first,
    ranking,
    score,
    vote,
)


@pytest.fixture
def points():
    """Queries (40, 5), database (90, 5) and a class in 0..3 for each."""
    random = np.random.default_rng(0)
    queries, database = random.normal(size=(40, 5)), random.normal(size=(90, 5))
    return queries, random.integers(0, 4, 40), database, random.integers(0, 4, 90)


@pytest.fixture
def small_blocks(monkeypatch):
    """As if the database were far too large for float64: seven rows of five numbers at a time."""
    monkeypatch.setattr(module, "WHOLE", 0)
    monkeypatch.setattr(module, "BLOCK", 7 * 5 + 4)


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_ranking_is_scikit_learns(points, distance):
    queries, _, database, _ = points
    reference = NearestNeighbors(n_neighbors=90, metric=distance, algorithm="brute").fit(database)
    distances, neighbours = reference.kneighbors(queries)
    assert np.array_equal(ranking(queries, database, distance), neighbours)
    np.testing.assert_allclose(
        np.sort(DISTANCES[distance](database)(queries)) ** (0.5 if distance == "euclidean" else 1),
        distances,
        atol=1e-12,
    )


def test_half_width_codes_are_ranked_like_their_values(points):
    queries, _, database, _ = points
    short = [a.astype(np.float32) for a in (queries, database)]
    exact = ((short[0][:, None].astype(float) - short[1]) ** 2).sum(2)
    assert np.array_equal(ranking(*short), exact.argsort(1))


@pytest.mark.parametrize("k", [1, 5])
def test_accuracy_is_that_of_scikit_learns_classifier(points, k):
    queries, wanted, database, labels = points
    found = score(*points)["knn"][f"accuracy@{k}"]
    reference = KNeighborsClassifier(k).fit(database, labels)  # ties go to the lowest class, too
    assert found == pytest.approx(reference.score(queries, wanted))


def test_map_is_the_mean_of_scikit_learns_average_precision(points):
    queries, wanted, database, labels = points
    distances = ((queries[:, None] - database) ** 2).sum(2)
    expected = [
        average_precision_score(labels == label, -row)
        for label, row in zip(wanted, distances, strict=True)
    ]
    assert score(*points)["retrieval"]["map"] == pytest.approx(np.mean(expected))


def test_ties_go_to_the_lower_index():
    database = np.array([[1.0], [-1.0], [0.0], [1.0], [0.0]])
    assert ranking(np.array([[0.0]]), database).tolist() == [[2, 4, 0, 1, 3]]
    same = np.ones((300, 2))
    assert np.array_equal(ranking(same[:2], same), np.tile(np.arange(300), (2, 1)))


@pytest.mark.parametrize("values", [3, 300, 10**9])
def test_the_order_is_that_of_a_stable_sort_of_float32(values):
    random = np.random.default_rng(values)
    distances = random.integers(0, values, 5000) / 7.0 * 10.0 ** random.integers(-9, 9, 5000)
    assert np.array_equal(
        nearest_first(distances, np.arange(5000)),
        distances.astype(np.float32).argsort(kind="stable"),
    )


@pytest.mark.parametrize("side", [2, 100])
def test_scores_of_tied_codes_are_those_of_whole_sorted_rankings(side):
    random = np.random.default_rng(side)
    queries, database = (random.integers(0, side, (count, 4)) for count in (300, 400))
    wanted, labels = (random.integers(0, 3, count).astype(np.uint8) for count in (300, 400))
    squares = ((queries[:, None] - database) ** 2).sum(2)  # whole numbers, exact in any precision
    ranked = labels[squares.argsort(1, kind="stable")]
    relevant = ranked == wanted[:, None]
    precision = relevant.cumsum(1) / np.arange(1, 401)
    found = score(queries, wanted, database, labels)
    expected = (precision * relevant).sum(1) / relevant.sum(1)
    assert found["retrieval"]["map"] == pytest.approx(expected.mean(), rel=1e-12)
    assert found["retrieval"]["precision@10"] == pytest.approx(relevant[:, :10].mean())
    votes = np.stack([(ranked[:, :5] == label).sum(1) for label in range(3)], 1).argmax(1)
    assert found["knn"]["accuracy@5"] == (votes == wanted).mean()


def test_close_points_far_from_the_origin_are_ranked_right():
    # Their squares, 2e6, have a float32 spacing of 1/4, far above the gaps.
    random = np.random.default_rng(0)
    order = random.permutation(50)
    offsets = np.stack([order * 1e-2, np.zeros(50)], 1)
    database = np.array([1000.0, -1000.0]) + offsets
    assert np.array_equal(ranking(database[order == 0], database)[0], order.argsort())


def test_the_ranking_does_not_change_with_the_place(points):
    queries, _, database, _ = points
    moved = ranking(queries + 1e4, database + 1e4)
    assert np.array_equal(moved, ranking(queries, database))


def test_cosine_by_hand():
    queries = np.array([[1.0, 0.0], [0.0, 0.0]])
    database = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [5.0, 5.0], [0.0, 0.0]])
    np.testing.assert_allclose(
        cosine(database)(queries), [[0, 1, 2, 1 - 0.5**0.5, 1], [1, 1, 1, 1, 1]], atol=1e-15
    )
    assert ranking(queries, database, "cosine").tolist() == [[0, 3, 1, 4, 2], [0, 1, 2, 3, 4]]


def test_cosine_is_blind_to_length(points):
    queries, _, database, _ = points
    lengths = np.random.default_rng(1).uniform(0.1, 10, (90, 1))
    assert np.array_equal(
        ranking(queries, database * lengths, "cosine"), ranking(queries, database, "cosine")
    )


def test_a_vote_by_hand():
    neighbours = np.array([[2, 2, 0], [1, 0, 2], [2, 1, 1]])
    assert vote(neighbours, 3).tolist() == [2, 0, 1]


def test_average_precision_by_hand():
    relevant = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=bool)
    expected = [(1 / 1 + 2 / 3) / 2, 0, 1 / 4, 1]
    found = [average_precision(hit_precisions(row)) for row in relevant]
    np.testing.assert_allclose(found, expected)
    assert hit_precisions(relevant[0]).tolist() == [1, 2 / 3]


def test_all_scores_by_hand():
    # One query at 0 of class 1; the database is on a line and has the classes 1 0 1 0 0.
    database, labels = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), np.array([1, 0, 1, 0, 0])
    found = score(
        np.array([[0.0]]), np.array([1]), database, labels, neighbours=(1, 5), cutoffs=(1, 2, 3)
    )
    assert found["knn"] == {"accuracy@1": 1, "accuracy@5": 0}
    assert found["retrieval"] == pytest.approx(
        {"precision@1": 1, "precision@2": 1 / 2, "precision@3": 2 / 3, "map": (1 + 2 / 3) / 2}
    )


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_chunks_change_nothing(points, monkeypatch, size):
    whole = score(*points)
    monkeypatch.setattr(module, "CHUNK", size)
    for section, figures in score(*points).items():
        assert figures == pytest.approx(whole[section], rel=1e-12)


def test_a_permuted_database_scores_the_same(points):
    queries, wanted, database, labels = points
    order = np.random.default_rng(2).permutation(90)
    for section, figures in score(queries, wanted, database[order], labels[order]).items():
        assert figures == pytest.approx(score(*points)[section], rel=1e-12)


def test_blocks_of_the_database_change_nothing(points, small_blocks):
    queries, wanted, database, labels = points
    reference = NearestNeighbors(n_neighbors=90, algorithm="brute").fit(database)
    joined = ConcatenatedArrays([database[:40], database[40:]])
    assert np.array_equal(ranking(queries, joined), reference.kneighbors(queries)[1])
    whole = score(*points)
    assert score(queries, wanted, joined, labels) == whole


@pytest.mark.parametrize("lowest", [0, 250], ids=["mixed", "large"])
@pytest.mark.parametrize("features", [300, 1023, 2500])
def test_distances_of_bytes_are_whole_numbers(features, lowest, small_blocks):
    random = np.random.default_rng(0)
    queries, database = (
        random.integers(lowest, 256, (n, features)).astype(np.uint8) for n in (6, 50)
    )
    queries[0], database[0] = 0, 255  # the greatest distance
    exact = ((queries[:, None].astype(np.int64) - database.astype(np.int64)) ** 2).sum(2)
    assert np.array_equal(DISTANCES["euclidean"](database)(queries), exact)


def test_memory_does_not_grow_with_a_wide_database(monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 2**18)
    monkeypatch.setattr(module, "BLOCK", 2**16)
    peaks = []
    for width in (250, 1000):
        database = np.zeros((4000, width), np.uint8)
        tracemalloc.start()
        ranking(database[:20], database)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
    assert peaks[1] < 4000 * 1000 * 8 / 4  # the database in float64 would be that four times


def test_a_large_database_gets_small_chunks_of_queries(points, monkeypatch):
    queries, wanted, database, labels = points
    whole, sizes = score(*points), []
    monkeypatch.setattr(module, "CELLS", 3 * 90 + 1)

    def noted(database):
        measure = module.euclidean(database)
        return lambda asked: sizes.append(len(asked)) or measure(asked)

    monkeypatch.setitem(DISTANCES, "euclidean", noted)
    found = score(queries, wanted, database, labels)
    assert sorted(set(sizes)) == [1, 3]  # 40 queries
    for section, figures in found.items():
        assert figures == pytest.approx(whole[section], rel=1e-12)
