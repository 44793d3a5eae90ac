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
from torch.overrides import TorchFunctionMode

from ae_lightning.distributed import process_group

Function = Callable[..., Any]


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

    def is_of(self, shape: tuple[int, ...] | torch.Size) -> bool:
        """Whether a tensor of that shape has one row for each example of the share."""
        return len(shape) > 0 and shape[0] == self.own


class JointDraws(TorchFunctionMode):
    """Draws for the rows of a share the random numbers that a single process would draw.

    Every draw whose first dimension is the share's is made for the whole batch, from the global
    generator, which therefore must be seeded alike in all processes. With ``resting`` nothing is
    changed.
    """

    def __init__(self, share: Share) -> None:
        super().__init__()
        self.share, self.resting = share, False

    def __torch_function__(
        self, func: Function, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        draw = None if self.resting or "generator" in kwargs else DRAWS.get(func)
        return draw(self.share, func, args, kwargs) if draw else func(*args, **kwargs)


def _of_size(share: Share, function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """``torch.rand(2, 3)``, ``torch.rand((2, 3))``, ``torch.randint(0, 9, (2, 3))`` and so on."""
    if "size" in kwargs:
        before, size = args, kwargs["size"]
    elif isinstance(args[-1], int):
        before, size = (), args
    else:
        *before, size = args
    if not share.is_of(tuple(size)):
        return function(*args, **kwargs)
    options = {key: value for key, value in kwargs.items() if key != "size"}
    return share.rows(function(*before, size=(share.whole, *size[1:]), **options))


def _like(share: Share, function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """``torch.rand_like(x)`` and so on."""
    template, *rest = args
    if not share.is_of(template.shape):
        return function(*args, **kwargs)
    whole = template.new_empty(share.whole, *template.shape[1:])
    return share.rows(function(whole, *rest, **kwargs))


def _in_place(share: Share, function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """``x.uniform_(0, 1)`` and so on."""
    if not share.is_of(args[0].shape):
        return function(*args, **kwargs)
    return args[0].copy_(_like(share, function, args, kwargs))


DRAWS: dict[Function, Callable[[Share, Function, Any, dict[str, Any]], Any]] = {
    **dict.fromkeys((torch.rand, torch.randn, torch.randint), _of_size),
    **dict.fromkeys((torch.rand_like, torch.randn_like, torch.randint_like), _like),
    **dict.fromkeys((Tensor.uniform_, Tensor.normal_, Tensor.random_), _in_place),
}
"""Functions that draw random numbers, and how to draw with them for the whole batch."""

_shared: list[JointDraws] = []


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Run the block, a training, on one process's share of every batch."""
    if share.ranks == 1:
        yield
        return
    with JointDraws(share) as draws:
        _shared.append(draws)
        try:
            yield
        finally:
            _shared.pop()


def jointly(function: Callable[..., Tensor], batch: Tensor, *args: Any) -> Tensor:
    """``function(batch, *args)``, that draws for some rows only, as a single process would draw.

    It is given the own rows at their places in a whole batch of zeros. It must map each row by
    itself; what is no share of a batch is mapped as it is.
    """
    if not _shared or not _shared[-1].share.is_of(batch.shape):
        return function(batch, *args)
    draws = _shared[-1]
    share, whole = draws.share, batch.new_zeros(draws.share.whole, *batch.shape[1:])
    whole[share.rank :: share.ranks] = batch
    draws.resting = True
    try:
        return share.rows(function(whole, *args))
    finally:
        draws.resting = False


def weighed(loss: Tensor, number: Tensor | None = None) -> Tensor:
    """A mean over the own rows so that its mean over processes is that over the whole batch.

    With ``number`` it is a mean over so many things (tokens), as many as each process says.
    """
    if not _shared:
        return loss
    share = _shared[-1].share
    if number is None:
        return loss * (share.own * share.ranks / share.whole)
    return loss * (number * share.ranks / process_group.all_reduce_sum(float(number)))


def examples_of(batch: Tensor) -> int:
    """Examples in the whole batch of which ``batch`` ``(rows, ...)`` is the own share."""
    return _shared[-1].share.whole if _shared else len(batch)


def padded_alike(tokens: Tensor, padding: int) -> Tensor:
    """Sequences ``(batch, length)`` padded to the longest of the whole batch."""
    if not _shared:
        return tokens
    longest = int(process_group.all_reduce_max(tokens.shape[1]))
    return F.pad(tokens, (0, longest - tokens.shape[1]), value=padding)


def whole_batch(codes: Tensor, gather: Callable[[Tensor], Any]) -> Tensor:
    """Codes of all rows of a batch ``(whole, code)``, in any order, from the own ``(own, code)``.

    ``gather`` gives tensors of one shape from all processes ``(ranks, ...)``, with their gradients.
    """
    if not _shared:
        return codes
    share = _shared[-1].share
    most = -(-share.whole // share.ranks)
    parts = gather(F.pad(codes, (0, 0, 0, most - share.own)))
    sizes = [Share(rank, share.ranks, share.whole).own for rank in range(share.ranks)]
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
