"""Exact nearest neighbours by Euclidean distance: candidates from faiss, compared again in full.

faiss computes ``|q|² + |d|² - 2 q d`` in float32, which loses digits far from 0 and between close
points. So it works on centred points and gives more candidates than are asked for. A bound of its
rounding error proves for nearly all queries that nothing else can be among the nearest; the other
queries are asked again for more candidates.

Legend: Q queries, D entries of the database, K numbers of each, C candidates of a query.
Memory grows with Q * count and with K, not with D or Q * D.
"""

from typing import Any, Protocol

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.linalg import vector_norm

TILE = 2**24
"""Numbers of the database that are held at a time."""

CANDIDATES = 2**21
"""Candidates of all queries that are held at a time."""

CACHED = 2**18
"""Numbers that stay in a core's cache while several things are done to them."""

MARGIN, WIDER = 8, 4
"""Candidates beyond those asked for, and how many times as many where these prove too few."""

FEW = 8
"""Queries up to which no copy of the database is made."""

LONGEST = 1e18
"""Beyond it squares in float32 may overflow."""

EPS, UNDERFLOW = 2.0**-23, 2.0**-126
"""Twice the rounding error of float32, relative; below the other a product may be lost."""

EMPTY = (0x7F800000 << 32) | 0xFFFFFFFF
"""The key of no neighbour: it is infinitely far."""


Floats = NDArray[np.float64]


class Vectors(Protocol):
    """Rows of numbers: an array, also on disk, or an object that computes them on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Any: ...


def nearest(
    queries: NDArray[np.floating[Any]], database: Vectors, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Indices and distances ``(Q, count)`` of the entries nearest to each query, nearest first.

    Takes queries ``(Q, K)`` and a database ``(D, K)``, both as float32; of the database a slice at
    a time is asked for. Distances are Euclidean: differences in float32, their squares summed up in
    float64, the root as float32. Of equal ones the lower index comes first.

    Raises:
        ValueError: ``count`` is not between 1 and D, queries and database have different K, or a
            point is not finite or longer than 1e18.
    """
    if not 1 <= count <= len(database):
        raise ValueError(f"count: must be between 1 and {len(database)} entries, found {count}")
    points = _points(queries)
    best = np.full((len(points), count), EMPTY)
    step = max(1, TILE // max(1, points.shape[1]))
    for start in range(0, len(database), step):
        tile = _points(database[start : start + step])
        if tile.shape[1:] != points.shape[1:]:
            raise ValueError(
                f"database: must have {points.shape[1]} numbers an entry as the queries, "
                f"found {tile.shape[1]}"
            )
        _improve(best, points, tile, start)
    return best & 0xFFFFFFFF, _distances(best)


def _points(array: Any) -> Tensor:
    points = torch.from_numpy(np.require(array, np.float32, ["C", "W"]))
    if not (points.norm(dim=1) < LONGEST).all():
        raise ValueError(f"points: must be finite and shorter than {LONGEST:g}, found others")
    return points


def _keys(distances: NDArray[np.float32], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers in the order of distances, then of indices: a float32 sorts like its bits."""
    return distances.view(np.int32).astype(np.int64) << 32 | indices


def _distances(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    return (keys >> 32).astype(np.int32).view(np.float32)


def _improve(best: NDArray[np.int64], queries: Tensor, tile: Tensor, start: int) -> None:
    """Put entries of ``tile``, which begins at ``start`` of the database, among the ``best``.

    ``best`` (Q, count) are keys, in order.
    """
    points, entries = _centred(queries, tile)
    lengths = vector_norm(points, dim=1, dtype=torch.float64).numpy()
    before, waiting = best.copy(), [(np.arange(len(queries)), best.shape[1] + MARGIN)]
    while waiting:
        rows, width = waiting.pop()
        width, size = min(width, len(tile)), max(1, CANDIDATES // width)
        if len(rows) > size:
            waiting += [(rows[size:], width)]
            rows = rows[:size]
        squares, places = faiss.knn(points[rows].numpy(), entries.numpy(), width)
        keys = _keys(_exact(queries[rows], tile, torch.from_numpy(places)), start + places)
        both = np.hstack([before[rows], keys])
        both.sort(axis=1)  # numpy's is vectorised
        best[rows] = both[:, : best.shape[1]]
        farthest = _distances(best[rows, -1]).astype(np.float64)
        unproven = rows[squares[:, -1] <= _limit(farthest, lengths[rows], queries.shape[1])]
        if len(unproven) and width < len(tile):
            waiting += [(unproven, width * WIDER)]


def _centred(queries: Tensor, tile: Tensor) -> tuple[Tensor, Tensor]:
    """Both around the mean of ``tile``, where faiss rounds less."""
    if len(queries) <= FEW:
        return queries, tile
    centre = tile.mean(0)
    return queries - centre, tile - centre


def _limit(farthest: Floats, lengths: Floats, numbers: int) -> Floats:
    """Squares (Q,) that faiss may find for entries no farther than ``farthest`` (Q,).

    A sum of K products in float32 is wrong by up to K units of the sum of their sizes (Higham 2002,
    section 3.1), here of ``(|q| + |d|)²``, and ``|d|`` is at most ``|q|`` and the distance. The
    further units are for the centre, the differences and the root.
    """
    return farthest**2 + (numbers + 16) * (EPS * (2 * lengths + farthest) ** 2 + UNDERFLOW)


def _exact(queries: Tensor, entries: Tensor, places: Tensor) -> NDArray[np.float32]:
    """Distances ``(Q, C)`` of queries ``(Q, K)`` to their candidates, entries ``places`` (Q, C)."""
    distances = torch.empty(places.shape)  # small ones between the large would keep memory split
    step = max(1, CACHED // max(1, places.shape[1] * queries.shape[1]))
    parts = (array.split(step) for array in (queries, places, distances))
    for some, there, found in zip(*parts, strict=True):
        differences = entries.index_select(0, there.flatten()).view(*there.shape, entries.shape[1])
        differences -= some[:, None]
        found.copy_(vector_norm(differences, dim=2, dtype=torch.float64))
    return distances.numpy()
