"""Global batches over several processes: rows, weights of mean losses, random numbers.

Training must not depend on the number of processes. So each takes the rows ``rank::ranks`` of
every batch, weighs its mean loss by their share, and draws random numbers for the whole batch, of
which it keeps those of its rows. With one process these functions change nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.distributed import process_group


@dataclass(frozen=True)
class Share:
    """The rows ``rank::ranks`` of a global batch of ``whole`` examples."""

    rank: int
    ranks: int
    whole: int

    @property
    def own(self) -> int:
        """Number of the rows."""
        return len(range(self.rank, self.whole, self.ranks))

    def rows(self, batch: Tensor) -> Tensor:
        """Them of a tensor ``(whole, ...)``."""
        return batch[self.rank :: self.ranks].contiguous()


_shares: list[Share] = []


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Run the block, a training, on one process's share of every batch."""
    if share.ranks == 1:
        yield
        return
    _shares.append(share)
    try:
        yield
    finally:
        _shares.pop()


def jointly(function: Callable[..., Tensor], batch: Tensor, *args: Any) -> Tensor:
    """``function(batch, *args)``, which draws random numbers, as a single process would draw them.

    The function gets the own rows at their places in a whole batch of zeros, so that it draws for
    all rows from the global generator, which must be seeded alike in all processes. It must map
    each row by itself. What is no share of a batch is mapped as it is.
    """
    if not _shares or len(batch) != _shares[-1].own:
        return function(batch, *args)
    share = _shares[-1]
    whole = batch.new_zeros(share.whole, *batch.shape[1:])
    whole[share.rank :: share.ranks] = batch
    return share.rows(function(whole, *args))


def weighed(loss: Tensor, number: Tensor | None = None) -> Tensor:
    """A mean over the own rows so that its mean over processes is that over the whole batch.

    With ``number`` it is a mean over so many things (tokens), as many as each process says.
    """
    if not _shares:
        return loss
    share = _shares[-1]
    if number is None:
        return loss * (share.own * share.ranks / share.whole)
    return loss * (number * share.ranks / process_group.all_reduce_sum(float(number)))


def examples_of(batch: Tensor) -> int:
    """Examples in the whole batch of which ``batch`` ``(rows, ...)`` is the own share."""
    return _shares[-1].whole if _shares else len(batch)


def padded_alike(tokens: Tensor, padding: int) -> Tensor:
    """Sequences ``(batch, length)`` padded to the longest of the whole batch."""
    if not _shares:
        return tokens
    longest = int(process_group.all_reduce_max(tokens.shape[1]))
    return F.pad(tokens, (0, longest - tokens.shape[1]), value=padding)


def whole_batch(codes: Tensor, gather: Callable[[Tensor], Any]) -> Tensor:
    """Codes of all rows of a batch ``(whole, code)``, in any order, from the own ``(own, code)``.

    ``gather`` gives tensors of one shape from all processes ``(ranks, ...)``, with their gradients.
    """
    if not _shares:
        return codes
    share = _shares[-1]
    most = -(-share.whole // share.ranks)
    parts = gather(F.pad(codes, (0, 0, 0, most - share.own)))
    sizes = [Share(rank, share.ranks, share.whole).own for rank in range(share.ranks)]
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
