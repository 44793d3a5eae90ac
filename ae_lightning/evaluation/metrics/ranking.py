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

from ae_lightning.data.concat import ConcatenatedArrays

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Vectors = NDArray[Any] | ConcatenatedArrays
"""Numbers or bytes, ``(D, K)``."""

CHUNK = 256
"""Queries at a time."""

CELLS = 2**24
"""Distances at a time, so that a large database gets smaller chunks of queries."""

WHOLE = 2**26
"""Numbers that a database may have to be in float64 all at once: 512 MiB."""

BLOCK = 2**21
"""Numbers of a larger database that are in float64 at a time: 16 MiB, which caches can hold."""


def blocks(database: Vectors) -> Iterator[slice]:
    """Rows of a database ``(D, K)`` that are in float64 together."""
    count, size = database.shape
    rows = count if count * size <= WHOLE else max(1, BLOCK // size)
    return (slice(start, start + rows) for start in range(0, count, rows))


def euclidean(queries: Vectors, database: Vectors) -> Floats:
    """Squared Euclidean distances ``(Q, D)``, in float64, which keeps close neighbours apart.

    Exact for bytes.
    """
    queries = queries[:].astype(np.float64)
    lengths, distances = (queries**2).sum(1)[:, None], np.empty((len(queries), len(database)))
    for rows in blocks(database):
        block = np.asarray(database[rows], np.float64)
        squares = lengths + (block**2).sum(1)
        np.subtract(squares, 2 * queries @ block.T, out=distances[:, rows])
    return np.maximum(distances, 0, out=distances)


def cosine(queries: Vectors, database: Vectors) -> Floats:
    """Cosine distances ``1 - cos`` in [0, 2], ``(Q, D)``; a zero vector is at distance 1 of all."""
    queries, database = (vectors[:].astype(np.float64) for vectors in (queries, database))
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(database, axis=1)
    similarity = queries @ database.T / np.where(lengths > 0, lengths, 1)
    return np.clip(1 - similarity, 0, 2)


DISTANCES: dict[str, Callable[[Vectors, Vectors], Floats]] = {
    "euclidean": euclidean,
    "cosine": cosine,
}


def ranking(queries: Vectors, database: Vectors, distance: str = "euclidean") -> Ints:
    """Whole database from nearest to farthest, indices ``(Q, D)`` for queries ``(Q, K)``.

    Distances are compared as float32, ties go to the lower index. A non-negative float32 sorts
    like its bits, so one sort of 64-bit integers (distance above, index below) orders both, and
    numpy vectorises it.
    """
    distances = DISTANCES[distance](queries, database)
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
    classes = int(labels.max()) + 1
    size = min(CHUNK, max(1, CELLS // len(labels)))
    if np.prod(database.shape) <= WHOLE:
        database = database[:].astype(np.float64)  # once, not for each chunk

    def sums(start: int) -> NDArray[np.float64]:
        chunk = slice(start, start + size)
        wanted = query_labels[chunk]
        ranked = labels[ranking(queries[chunk], database, distance)]
        relevant = ranked == wanted[:, None]
        return np.array(
            [(vote(ranked[:, :k], classes) == wanted).sum() for k in neighbours]
            + [relevant[:, :k].mean(1).sum() for k in cutoffs]
            + [average_precision(relevant).sum()]
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy's sort lets other threads run
        total = sum(pool.map(sums, range(0, len(queries), size)))
    knn, retrieval = np.split(np.asarray(total) / len(queries), [len(neighbours)])
    names = [*(f"precision@{k}" for k in cutoffs), "map"]
    return {
        "knn": {f"accuracy@{k}": float(v) for k, v in zip(neighbours, knn, strict=True)},
        "retrieval": {name: float(v) for name, v in zip(names, retrieval, strict=True)},
    }
