"""Exact nearest neighbours by Euclidean distance, at the speed of a matrix product in few bits.

Products of rounded numbers, which are fast, rule out nearly all of the database
(:mod:`ae_lightning.search.coarse`); what is left is compared in full.

Legend: Q queries, D entries of the database, K numbers of each, N pairs of a query and an entry.
Memory grows with Q * count and with K, not with D or Q * D.
"""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ae_lightning.search.coarse import CACHED, LONGEST, UNIT, CoarseIndex

TILE = 2**24
"""Numbers of the database, or of products with it, that are held at a time."""

ROWS = 256
"""Queries that are multiplied together; other numbers of rows are slower, some by a third."""

FEW = 8
"""Queries up to which all distances are computed, instead of rounding the database for them."""

UNDERFLOW = 1.2e-38
"""Below it a square in float32 may be lost."""

EMPTY = (0x7F800000 << 32) | 0xFFFFFFFF
"""The key of no neighbour: it is infinitely far."""


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
    best = torch.full((len(points), count), EMPTY)
    step = max(1, TILE // max(points.shape[1], ROWS))
    for start in range(0, len(database), step):
        tile = _points(database[start : start + step])
        if tile.shape[1:] != points.shape[1:]:
            raise ValueError(
                f"database: must have {points.shape[1]} numbers an entry as the queries, "
                f"found {tile.shape[1]}"
            )
        _improve(best, points, tile, start)
    return (best & 0xFFFFFFFF).numpy(), _distances(best).numpy()


def _points(array: Any) -> Tensor:
    return torch.from_numpy(np.require(array, np.float32, ["C", "W"]))


def _keys(distances: Tensor, indices: Tensor) -> Tensor:
    """Integers (N,) in the order of distances, then of indices: a float32 sorts like its bits."""
    return (distances.view(torch.int32).long() << 32) | indices


def _distances(keys: Tensor) -> Tensor:
    return (keys >> 32).int().view(torch.float32)


def _improve(best: Tensor, queries: Tensor, tile: Tensor, start: int) -> None:
    """Put entries of ``tile``, which begins at ``start`` of the database, among the ``best``.

    ``best`` (Q, count) are keys, in order.
    """
    if 0 < len(queries) <= FEW and _improve_directly(best, queries, tile, start):
        return
    count = best.shape[1]
    coarse = CoarseIndex.of(tile, count, ROWS)
    for first in range(0, len(queries), ROWS):
        some, found = queries[first : first + ROWS], best[first : first + ROWS]
        products = coarse.times(some)
        pairs = products.pairs(count, _distances(found[:, -1]))
        # Those that look nearest first: how far they are rules out most of the others.
        for chosen in (pairs.first, ~pairs.first):
            limit = products.within(_distances(found[:, -1]))
            near = chosen & (pairs.bits <= limit[pairs.queries])
            owners, places = pairs.queries[near], pairs.entries[near]
            distances = _exact(some, tile, owners, places)
            found.copy_(_least(found, owners, _keys(distances, places + start)))


def _improve_directly(best: Tensor, queries: Tensor, tile: Tensor, start: int) -> bool:
    """The same for queries too few to pay for rounding the entries, by all differences.

    Distances are summed up in float32 first, whose error is bounded, as no term is negative; those
    that can be among the least are computed in full. False, and nothing done, if a point may be
    longer than is allowed.
    """
    blocks = tile.split(max(1, CACHED // queries.shape[1]))
    rough = torch.stack(
        [torch.cat([(block - query).norm(dim=1) for block in blocks]) for query in queries]
    )
    if not (rough.amax(1) + queries.norm(dim=1) < LONGEST).all():
        return False
    relative = 1 + (queries.shape[1] + 4) * UNIT
    absolute = (queries.shape[1] * UNDERFLOW) ** 0.5
    limit = _distances(best[:, -1])
    if len(tile) >= best.shape[1]:
        least = rough.kthvalue(best.shape[1]).values * relative + absolute
        limit = torch.minimum(limit, least)
    owners, places = (rough <= (limit * relative + absolute)[:, None]).nonzero(as_tuple=True)
    distances = _exact(queries, tile, owners, places)
    best.copy_(_least(best, owners, _keys(distances, places + start)))
    return True


def _exact(queries: Tensor, entries: Tensor, owners: Tensor, places: Tensor) -> Tensor:
    """Distances ``(N,)`` float32 of queries ``owners`` (N,) to entries ``places`` (N,)."""
    step = max(1, CACHED // queries.shape[1])
    parts = []
    for some, there in zip(owners.split(step), places.split(step), strict=True):
        differences = entries.index_select(0, there)
        differences -= queries.index_select(0, some)
        parts.append(differences.double().square_().sum(1))
    return torch.cat(parts).sqrt_().float()


def _least(found: Tensor, owners: Tensor, keys: Tensor) -> Tensor:
    """The least of ``found`` (Q, count) and of the ``keys`` (N,) of rows ``owners``, ascending."""
    counts = owners.bincount(minlength=len(found))
    before = counts.cumsum(0) - counts
    both = torch.full((len(found), found.shape[1] + int(counts.max())), EMPTY)
    both[:, : found.shape[1]] = found
    both[owners, found.shape[1] + torch.arange(len(owners)) - before[owners]] = keys
    both.numpy().sort(axis=1)  # numpy's is vectorised
    return both[:, : found.shape[1]]
