"""Nearest neighbours: against scikit-learn, and against every pair compared by numpy."""

import faiss
import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from ae_lightning.search import index as module
from ae_lightning.search.index import nearest


@pytest.fixture(params=[1, 2**31 - 1], ids=["products", "differences"], autouse=True)
def _way_of_faiss(request, monkeypatch):
    """Both of faiss's ways to a distance, of which it takes one by the number of queries."""
    monkeypatch.setattr(faiss.cvar, "distance_compute_blas_threshold", request.param)


def every_pair(queries, database, count):
    """By definition: distances of all pairs, stably sorted."""
    differences = (queries[:, None] - database[None]).astype(np.float64)
    distances = np.sqrt((differences**2).sum(2)).astype(np.float32)
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, 1)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def check(queries, database, count):
    indices, distances = nearest(queries, database, count)
    expected, lengths = every_pair(queries, database, count)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(distances, lengths)
    assert (indices.dtype, distances.dtype) == (np.int64, np.float32)
    indices, distances = nearest(queries[:7], database, count)  # so few go another way
    np.testing.assert_array_equal(indices, expected[:7])
    np.testing.assert_array_equal(distances, lengths[:7])


@pytest.mark.parametrize(("size", "numbers", "count"), [(5000, 32, 10), (700, 3, 100), (900, 1, 5)])
def test_they_are_scikit_learns(size, numbers, count):
    queries, database = normal(300, numbers), normal(size, numbers, seed=1)
    brute = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(database.astype(np.float64))
    lengths, expected = brute.kneighbors(queries.astype(np.float64))
    indices, distances = nearest(queries, database, count)
    # scikit-learn's expansion of the square costs near points some digits, and may swap ties.
    np.testing.assert_allclose(distances, lengths, rtol=1e-6, atol=1e-6)
    swapped = indices != expected
    assert swapped.mean() < 0.01
    other = np.take_along_axis(
        lengths, np.abs(indices[:, :, None] == expected[:, None]).argmax(2), 1
    )
    np.testing.assert_allclose(other[swapped], lengths[swapped], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 7, 256, 257])
@pytest.mark.parametrize("size", [257, 1030])
def test_any_number_of_them(size, count):
    check(normal(40, 5), normal(size, 5, seed=1), count)


def test_everything_can_be_asked_for():
    check(normal(30, 4), normal(9, 4, seed=1), 9)
    check(normal(30, 4), normal(1, 4, seed=1), 1)


def test_tiles_make_no_difference(monkeypatch):
    queries, database = normal(530, 6), normal(1000, 6, seed=1)
    whole = nearest(queries, database, 20)
    monkeypatch.setattr(module, "TILE", 90 * 6)  # 90 entries at a time, 10 at the end
    monkeypatch.setattr(module, "CACHED", 50)
    monkeypatch.setattr(module, "CANDIDATES", 1000)
    for one, other in zip(whole, nearest(queries, database, 20), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_tile_far_from_all(monkeypatch):
    monkeypatch.setattr(module, "TILE", 100 * 3)
    check(normal(50, 3), np.concatenate([normal(100, 3, seed=1), 1e6 + normal(100, 3)]), 10)


def test_fewer_entries_than_are_asked_for_in_a_tile(monkeypatch):
    monkeypatch.setattr(module, "TILE", 10 * 3)
    check(normal(50, 3), normal(64, 3, seed=1), 33)


def test_of_equal_ones_the_lower_index_comes_first():
    once = normal(30, 4)
    indices, distances = nearest(once, np.tile(once, (20, 1)), 25)
    np.testing.assert_array_equal(indices[:, :20], np.arange(30)[:, None] + 30 * np.arange(20))
    assert not distances[:, :20].any()
    assert distances[:, 20:].all()


@pytest.mark.parametrize("numbers", [1, 2, 8])
def test_ties_on_a_grid(numbers):
    random = np.random.default_rng(0)
    points = random.integers(0, 3, (1500, numbers)).astype(np.float32)
    check(points[:50], points, 40)


def test_far_from_zero_and_close_to_each_other():
    database = 1000 + 1e-3 * normal(3000, 8)  # in bfloat16 all of them are 1000
    check(database[:60] + np.float32(2e-4), database, 15)


def test_the_centre_is_far_from_all():
    halves = np.where(np.arange(3000) % 2, 1000, -1000)[:, None]
    database = (halves + 1e-2 * normal(3000, 8)).astype(np.float32)
    check(database[:60], database, 15)
    check(database[:60] + np.float32(1), database, 15)  # all of a half are as near within rounding


def test_one_that_is_very_far_makes_the_others_no_worse():
    database = normal(3000, 8)
    database[17] = 1e6
    check(normal(60, 8, seed=1), database, 15)
    check(database[17:18], database, 15)


@pytest.mark.parametrize("size", [1e-12, 1e-25, 1e9, 1e17])
def test_very_small_and_very_large_numbers(size):
    database = (size * normal(2000, 4).astype(np.float64)).astype(np.float32)
    check(database[:40], database, 12)


def test_all_the_same():
    indices, distances = nearest(np.ones((3, 5)), np.ones((400, 5)), 7)
    np.testing.assert_array_equal(indices, np.tile(np.arange(7), (3, 1)))
    assert not distances.any()


def test_a_database_on_disk_is_read_a_slice_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TILE", 100 * 4)
    database, asked = normal(450, 4), []
    np.save(tmp_path / "codes.npy", database.astype(np.float64))
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")

    class Slices:
        def __len__(self):
            return len(mapped)

        def __getitem__(self, rows):
            asked.append((rows.start, rows.stop))
            return mapped[rows]

    indices, _ = nearest(database[:9], Slices(), 3)
    np.testing.assert_array_equal(indices, every_pair(database[:9], database, 3)[0])
    assert asked == [(start, start + 100) for start in range(0, 500, 100)]


def test_no_queries():
    indices, distances = nearest(normal(0, 4), normal(50, 4), 3)
    assert indices.shape == distances.shape == (0, 3)


@pytest.mark.parametrize("count", [0, 51])
def test_an_impossible_count_is_told(count):
    with pytest.raises(ValueError, match=f"between 1 and 50 entries, found {count}"):
        nearest(normal(2, 4), normal(50, 4), count)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e19])
@pytest.mark.parametrize("part", [0, 1])
def test_what_cannot_be_compared_is_told(value, part):
    points = [normal(2, 4), normal(50, 4)]
    points[part][1, 2] = value
    with pytest.raises(ValueError, match="must be finite and shorter than 1e\\+18"):
        nearest(*points, 3)


def test_other_numbers_than_the_queries_are_told():
    with pytest.raises(ValueError, match="must have 1 numbers an entry as the queries, found 4"):
        nearest(normal(2, 1), normal(50, 4), 3)
