"""Exact nearest neighbours and the scores that come from a ranking.

Legend: Q queries, D database entries, K code size. Scoring takes the queries in chunks, so its
memory grows with D, not with Q * D.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

CHUNK = 256


def euclidean(queries: Floats, database: Floats) -> Floats:
    """Squared Euclidean distances ``(Q, D)``; float64 inputs keep close neighbours apart."""
    squares = (queries**2).sum(1)[:, None] + (database**2).sum(1)
    distances = squares - 2 * queries @ database.T
    return np.maximum(distances, 0, out=distances)


def cosine(queries: Floats, database: Floats) -> Floats:
    """Cosine distances ``1 - cos`` in [0, 2], ``(Q, D)``; a zero vector is at distance 1 of all."""
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(database, axis=1)
    similarity = queries @ database.T / np.where(lengths > 0, lengths, 1)
    return np.clip(1 - similarity, 0, 2)


DISTANCES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "euclidean": euclidean,
    "cosine": cosine,
}


def ranking(queries: Floats, database: Floats, distance: str = "euclidean") -> Ints:
    """Whole database from nearest to farthest, indices ``(Q, D)`` for queries ``(Q, K)``.

    Distances are compared as float32, ties go to the lower index. A non-negative float32 sorts
    like its bits, so one sort of 64-bit integers (distance above, index below) orders both, and
    numpy vectorises it.
    """
    distances = DISTANCES[distance](queries.astype(np.float64), database.astype(np.float64))
    keys = distances.astype(np.float32).view(np.int32).astype(np.int64)
    keys <<= 32
    keys |= np.arange(len(database))
    keys.sort(axis=1)
    keys &= 0xFFFFFFFF
    return keys


def vote(neighbours: Ints, classes: int) -> Ints:
    """Majority class ``(Q,)`` of neighbours' classes ``(Q, k)``; ties go to the lowest class."""
    counts = (neighbours[:, :, None] == np.arange(classes)).sum(1)
    return counts.argmax(1)


def average_precision(relevant: NDArray[np.bool_]) -> Floats:
    """Average precision ``(Q,)`` of rankings given as relevance ``(Q, D)``; 0 if none is relevant.

    Mean over the relevant entries of the precision at their rank (Manning et al. 2008, 8.4).
    """
    rows, ranks = relevant.nonzero()
    counts = relevant.sum(1)
    hits = np.arange(1, len(rows) + 1) - (counts.cumsum() - counts)[rows]
    sums = np.bincount(rows, hits / (ranks + 1), minlength=len(relevant))
    return sums / np.maximum(counts, 1)


def score(
    queries: Floats,
    query_labels: Ints,
    database: Floats,
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
    classes = int(labels.max()) + 1
    database = database.astype(np.float64)

    def sums(start: int) -> NDArray[np.float64]:
        chunk = slice(start, start + CHUNK)
        wanted = query_labels[chunk]
        ranked = labels[ranking(queries[chunk], database, distance)]
        relevant = ranked == wanted[:, None]
        return np.array(
            [(vote(ranked[:, :k], classes) == wanted).sum() for k in neighbours]
            + [relevant[:, :k].mean(1).sum() for k in cutoffs]
            + [average_precision(relevant).sum()]
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy's sort lets other threads run
        total = sum(pool.map(sums, range(0, len(queries), CHUNK)))
    knn, retrieval = np.split(np.asarray(total) / len(queries), [len(neighbours)])
    names = [*(f"precision@{k}" for k in cutoffs), "map"]
    return {
        "knn": {f"accuracy@{k}": float(v) for k, v in zip(neighbours, knn, strict=True)},
        "retrieval": {name: float(v) for name, v in zip(names, retrieval, strict=True)},
    }
