"""Candidates for nearest neighbours, found by low-precision matrix products.

Rounding a query and an entry changes their distance by at most what it moves both (the triangle
inequality), and the error of a product is bounded too. So entries that look too far are too far.

Legend: Q queries, D entries of the database, K numbers of each, N points or pairs. Half a squared
distance is called its half.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ae_lightning.nn.precision import product_type

CACHED = 2**18
"""Numbers that stay in a core's cache while several things are done to them."""

BLOCK, SMALL_BLOCK = 64, 8
"""Block sizes: neighbouring halves whose minimum is compared first."""

UNIT = 2.0**-24
"""Rounding error of float32, relative."""

LONGEST = 1e18
FAR = 1e37
"""More than the half of any two points of the length ``LONGEST``."""

INTEGERS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}
"""Integers of the same bits, which order numbers that are not negative as these do."""


@dataclass(frozen=True)
class QuantizedPoints:
    """Points in few bits ``(N, K)``, their rounding errors ``off`` (N,), and their lengths (N,)."""

    points: Tensor
    off: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, points: Tensor, centre: Tensor, dtype: torch.dtype) -> QuantizedPoints:
        """Move points ``(N, K)`` so that ``centre`` (K,) is 0, and round them.

        Raises:
            ValueError: a point is not finite, or longer than 1e18.
        """
        parts = []
        for some in points.split(max(1, CACHED // points.shape[1])):
            moved = some - centre
            kept = moved.to(dtype)
            lengths = kept.float().norm(dim=1)
            # Rounded are the difference from the centre and the sums of these lengths, too.
            off = (moved - kept).norm(dim=1) * (1 + len(centre) * UNIT) + 2 * UNIT * lengths
            parts.append((kept, off, lengths))
        rounded = cls(*map(torch.cat, zip(*parts, strict=True)))
        if not (rounded.lengths < LONGEST).all():
            raise ValueError(f"points: must be finite and shorter than {LONGEST:g}, found others")
        return rounded

    def factors(self, *, left: bool) -> Tensor:
        """One side of the product that gives halves, ``(N, K + 4)``.

        ``|q - d|² / 2 = -q d + |q|² / 2 + |d|² / 2``, each half square in two numbers of few bits.
        """
        square = (self.lengths.square() / 2)[:, None]
        above = square.to(self.points.dtype)
        squares = [above, (square - above).to(self.points.dtype)]
        ones = [torch.ones_like(above)] * 2
        columns = [-self.points, *squares, *ones] if left else [self.points, *ones, *squares]
        return torch.cat(columns, 1)


@dataclass(frozen=True)
class CoarseIndex:
    """Rounded entries of a database, as a factor of the matrix product.

    ``factors`` (D, K + 4) is padded with entries far from all to whole blocks of ``block``. Entries
    are off by at most ``off`` and at most ``length`` long. ``room`` is the products' buffer.
    """

    factors: Tensor
    block: int
    centre: Tensor
    off: float
    length: float
    room: Tensor

    @classmethod
    def of(cls, entries: Tensor, count: int, queries: int) -> CoarseIndex:
        """Round entries ``(D, K)`` for finding the nearest ``count`` of up to so many queries."""
        # The least of few blocks say too little.
        block = BLOCK if len(entries) >= 4 * count * BLOCK else SMALL_BLOCK
        centre = entries.mean(0)  # what is far from 0 would be rounded by much
        rounded = QuantizedPoints.of(entries, centre, product_type(entries.device))
        factors = pad(rounded.factors(left=False), (0, 0, 0, -len(entries) % block))
        factors[len(entries) :, -2] = 2 * FAR
        room = torch.empty(queries, len(factors), dtype=factors.dtype)
        off, length = float(rounded.off.max()), float(rounded.lengths.max())
        return cls(factors, block, centre, off, length, room)

    def times(self, queries: Tensor) -> Products:
        """Halves of queries ``(Q, K)`` and all entries; they hold until the next call."""
        rounded = QuantizedPoints.of(queries, self.centre, self.factors.dtype)
        halves = self.room[: len(queries)]
        torch.mm(rounded.factors(left=True), self.factors.T, out=halves)
        bits = halves.view(INTEGERS[halves.dtype]).view(len(queries), -1, self.block)
        return Products(bits, bits.amin(2), halves.dtype, Errors.of(rounded, self))


@dataclass(frozen=True)
class Pairs:
    """Queries (N,), ascending, and entries (N,), their halves' ``bits``, and which come ``first``.

    For each query at least ``count`` come first, or all.
    """

    queries: Tensor
    entries: Tensor
    bits: Tensor
    first: Tensor


@dataclass(frozen=True)
class Products:
    """Halves in blocks ``(Q, blocks, block)``, and the least of each block ``(Q, blocks)``.

    Both are integers of the bits of ``dtype``.
    """

    bits: Tensor
    least: Tensor
    dtype: torch.dtype
    errors: Errors

    def pairs(self, count: int, bound: Tensor) -> Pairs:
        """Every pair of a query and an entry that may be among its nearest ``count``.

        So many others are already known within the distances ``bound`` (Q,), or it is infinite.
        """
        limit = self.within(bound)
        first = torch.full_like(limit, torch.iinfo(limit.dtype).max)
        if self.least.shape[1] >= count:  # that many entries, one of each block, are no farther
            first = self.least.kthvalue(count, dim=1).values
            farthest = self.errors.farthest(first.view(self.dtype))
            limit = torch.minimum(limit, self.within(farthest))
        queries, blocks = (self.least <= limit[:, None]).nonzero().unbind(1)
        rows, size = queries * self.least.shape[1] + blocks, self.bits.shape[2]
        bits = self.bits.view(-1, size).index_select(0, rows)
        which, place = where(bits <= limit[queries, None])
        queries, entries, bits = queries[which], blocks[which] * size + place, bits[which, place]
        return Pairs(queries, entries, bits, bits <= first[queries])

    def within(self, distances: Tensor) -> Tensor:
        """Limits (Q,) of bits, within which is all that is no farther than ``distances`` (Q,)."""
        halves = self.errors.largest(distances).clamp(max=FAR)
        return halves.to(self.dtype).view(self.least.dtype)


def where(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns (N,) of the true values in ``mask`` (rows, 8 n), fast where few are."""
    rows, eights = mask.view(torch.int64).nonzero().unbind(1)
    which, place = mask.unflatten(1, (mask.shape[1] // 8, 8))[rows, eights].nonzero().unbind(1)
    return rows[which], eights[which] * 8 + place


@dataclass(frozen=True)
class Errors:
    """Error bounds of the coarse distances, for each query (Q,).

    ``moved`` is by what rounding moves a query and an entry, ``product`` the error of a half before
    it is rounded itself, by a share of up to ``unit``.
    """

    moved: Tensor
    product: Tensor
    unit: float

    @classmethod
    def of(cls, queries: QuantizedPoints, entries: CoarseIndex) -> Errors:
        """Bounds for all pairs with ``entries``.

        A sum of n products in float32 is wrong by up to n units of the sum of what is added, here
        half the square of both lengths together (Higham 2002, section 3.1); as much again and more
        is for the lengths, which are such sums. Two numbers for a square leave out ``unit ** 2``
        of it, and what is next to 0 may be lost.
        """
        unit, size = torch.finfo(entries.factors.dtype).eps / 2, entries.factors.shape[1]
        lengths = queries.lengths.double() + entries.length
        product = (2 * size * UNIT + unit**2) * lengths**2 + size * 2.0**-120
        return cls(queries.off.double() + entries.off, product, unit)

    def farthest(self, halves: Tensor) -> Tensor:
        """Greatest distances (Q,) that halves (Q,) can stand for."""
        real = halves.double().clamp(min=0) * (1 + 2 * self.unit) + self.product
        return (2 * real).sqrt() + self.moved

    def largest(self, distances: Tensor) -> Tensor:
        """Greatest halves (Q,) that can stand for ``distances`` (Q,), or for less.

        Distances may be computed in float32 from differences in float32.
        """
        apart = distances.double() * (1 + 4 * UNIT) + self.moved
        return (apart**2 / 2 + self.product) * (1 + 2 * self.unit) ** 2
