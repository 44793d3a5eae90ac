"""Exact nearest neighbours and the scores that come from a ranking.

Legend: Q queries, D database entries, K code size. Scoring takes the queries in chunks and a large
database in blocks, so that memory grows neither with Q * D nor with D * K.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ae_lightning.data.concat import ConcatenatedArrays

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Vectors = NDArray[Any] | ConcatenatedArrays
"""Numbers or bytes, ``(D, K)``."""

CHUNK = 128
"""Queries at a time."""

CELLS = 2**22
"""Distances at a time, so that a large database gets smaller chunks of queries.

32 MiB: of more, the memory is fetched from the system anew each time, which takes longer than the
product that fills it.
"""

WHOLE = 2**26
"""Numbers that a database may have to be in float64 all at once: 512 MiB."""

BLOCK = 2**21
"""Numbers of a larger database that are in float64 at a time: 16 MiB, which caches can hold."""

WHOLE_NUMBERS = 1023
"""Products of signed bytes, at most 2^14 each, whose sum float32 holds to the last bit."""

Measure = Callable[[Vectors], Floats]
"""Distances ``(Q, D)`` of queries ``(Q, K)`` to a database, in float64."""


def blocks(database: Vectors) -> Iterator[slice]:
    """Rows of a database ``(D, K)`` that are in float64 together."""
    count, size = database.shape
    rows = count if count * size <= WHOLE else max(1, BLOCK // size)
    return (slice(start, start + rows) for start in range(0, count, rows))


def euclidean(database: Vectors) -> Measure:
    """Squared Euclidean distances, in float64, which keeps close neighbours apart.

    Exact for bytes among bytes, whose products take half the memory and work in float32: they are
    shifted to have a sign and summed over so few features at a time that every sum is exact.
    """
    if database[:1].dtype == np.uint8:
        return _squared(database, _signed, WHOLE_NUMBERS)
    return _squared(database, _double, database.shape[1])


def _signed(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.subtract(values, 128, dtype=np.float32)


def _double(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _squared(database: Vectors, as_numbers: Callable[[NDArray[Any]], Floats], most: int) -> Measure:
    """Squared distances by products of at most ``most`` features, in the type of the numbers."""
    first, *others = (slice(start, start + most) for start in range(0, database.shape[1], most))
    kept = as_numbers(database[:]) if np.prod(database.shape) <= WHOLE else None

    def numbers(rows: slice) -> Floats:
        return as_numbers(database[rows]) if kept is None else kept[rows]

    def lengths(vectors: Floats) -> Floats:
        return np.einsum("nk,nk->n", vectors, vectors, dtype=np.float64)

    squares = np.concatenate([lengths(numbers(rows)) for rows in blocks(database)])

    def measure(queries: Vectors) -> Floats:
        asked = as_numbers(queries[:])
        distances = np.empty((len(asked), len(squares)))
        for rows in blocks(database):
            held = numbers(rows)
            np.matmul(-2 * asked[:, first], held[:, first].T, out=distances[:, rows])
            for part in others:
                distances[:, rows] += -2 * asked[:, part] @ held[:, part].T
        for row, length in zip(distances, lengths(asked), strict=True):  # a row fits a cache
            row += squares
            row += length
            np.maximum(row, 0, out=row)
        return distances

    return measure


def cosine(database: Vectors) -> Measure:
    """Cosine distances ``1 - cos`` in [0, 2]; a zero vector is at distance 1 of all."""
    database = np.asarray(database[:], np.float64)
    sizes = np.linalg.norm(database, axis=1)

    def measure(queries: Vectors) -> Floats:
        queries = np.asarray(queries[:], np.float64)
        lengths = np.linalg.norm(queries, axis=1)[:, None] * sizes
        similarity = queries @ database.T / np.where(lengths > 0, lengths, 1)
        return np.clip(1 - similarity, 0, 2)

    return measure


DISTANCES: dict[str, Callable[[Vectors], Measure]] = {"euclidean": euclidean, "cosine": cosine}


def nearest_first(distances: Floats, values: NDArray[Any]) -> NDArray[Any]:
    """The ``values`` ``(D,)`` of a database's entries by one query's distances ``(D,)``.

    Distances are compared as float32, ties go to the lower index. A non-negative float32 sorts
    like its bits: numpy sorts 16 of them at a time, in linear time and stably (radix sort), first
    by the lower half, then by the upper.
    """
    bits = distances.astype(np.float32).view(np.uint32)
    upper = (bits >> 16).astype(np.uint16)
    order = bits.astype(np.uint16).argsort(kind="stable")
    last = upper[order].argsort(kind="stable")
    return values[order][last]


def ranking(queries: Vectors, database: Vectors, distance: str = "euclidean") -> Ints:
    """Whole database from nearest to farthest, indices ``(Q, D)`` for queries ``(Q, K)``."""
    places = np.arange(len(database))
    distances = DISTANCES[distance](database)(queries)
    return np.stack([nearest_first(row, places) for row in distances])


def vote(neighbours: Ints, classes: int) -> Ints:
    """Majority class ``(Q,)`` of neighbours' classes ``(Q, k)``; ties go to the lowest class."""
    counts = (neighbours[:, :, None] == np.arange(classes)).sum(1)
    return counts.argmax(1)


def hit_precisions(relevant: NDArray[np.bool_]) -> Floats:
    """Precision at the rank of each relevant entry of one ranking ``(D,)``, best rank first."""
    ranks = relevant.nonzero()[0] + 1
    return np.arange(1, len(ranks) + 1) / ranks


def average_precision(precisions: Floats) -> float:
    """Mean of :func:`hit_precisions` (Manning et al. 2008, 8.4); 0 if nothing is relevant."""
    return float(precisions.mean()) if len(precisions) else 0.0


def mean_over_queries(figures: Callable[[slice], Floats], count: int, database: int) -> Floats:
    """Mean over ``count`` queries of ``figures`` ``(queries, ...)`` of a slice of them.

    A slice has the fewer queries the larger the ``database`` is. Slices run in parallel, each on
    one core: numpy's products and sorts let other threads run.
    """
    size = min(CHUNK, max(1, CELLS // database))
    slices = [slice(start, start + size) for start in range(0, count, size)]
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        sums = list(pool.map(lambda chunk: figures(chunk).sum(0), slices))
    return np.asarray(np.sum(sums, axis=0) / count)


def score(
    queries: Vectors,
    query_labels: Ints,
    database: Vectors,
    labels: Ints,
    *,
    neighbours: Sequence[int] = (1, 5),
    cutoffs: Sequence[int] = (1, 10, 100),
    distance: str = "euclidean",
) -> dict[str, dict[str, float]]:
    """k-nearest-neighbour accuracy and retrieval scores from one ranking.

    Takes codes ``(Q, K)`` and ``(D, K)`` with their classes. Returns ``knn.accuracy@k`` for k in
    ``neighbours``, ``retrieval.precision@k`` for k in ``cutoffs`` and ``retrieval.map``.
    """
    classes, measure = int(labels.max()) + 1, DISTANCES[distance](database)
    nearest = max(neighbours)

    def figures(chunk: slice) -> Floats:
        found, close = [], []
        for wanted, distances in zip(query_labels[chunk], measure(queries[chunk]), strict=True):
            ranked = nearest_first(distances, labels)
            relevant = ranked == wanted
            precisions = [relevant[:k].mean() for k in cutoffs]
            found.append([*precisions, average_precision(hit_precisions(relevant))])
            close.append(ranked[:nearest])
        votes = [vote(np.array(close)[:, :k], classes) for k in neighbours]
        right = np.stack(votes, 1) == query_labels[chunk][:, None]
        return np.hstack([right, found])

    means = mean_over_queries(figures, len(queries), len(labels))
    knn, retrieval = np.split(means, [len(neighbours)])
    names = [*(f"precision@{k}" for k in cutoffs), "map"]
    return {
        "knn": {f"accuracy@{k}": float(v) for k, v in zip(neighbours, knn, strict=True)},
        "retrieval": {name: float(v) for name, v in zip(names, retrieval, strict=True)},
    }
