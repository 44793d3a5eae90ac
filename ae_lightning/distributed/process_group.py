"""Process group of a stage: place, rank and world size of this process, and collectives.

Rank 0 is the first process. All collectives are no-ops when world_size is 1.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed
from torch import Tensor

TIMEOUT = timedelta(minutes=10)
"""Timeout of gradient communication where nothing tells that a process has ended."""

LONG = timedelta(days=30)
"""Timeout of all other communication: the first process may have much to compute before."""


class Place(NamedTuple):
    """Place of a process: local rank, processes on its machine, and the machine's number.

    ``threads`` are those that a process computes with once the others have gone; None is as many as
    there are.
    """

    local: int = 0
    locals: int = 1
    node: int = 0
    threads: int | None = None


_place = Place()
_talks: list[Any] = []


def enter(strategy: Any, threads: int) -> None:
    """Take the place of a Lightning strategy's process."""
    global _place
    _place = Place(strategy.local_rank, strategy.num_processes, strategy.node_rank, threads)


def leave() -> None:
    """Leave the process group."""
    global _place
    if _place.threads:
        torch.set_num_threads(_place.threads)
    _place = Place()
    _talks.clear()
    if _grouped():
        torch.distributed.destroy_process_group()


def place() -> Place:
    """This process's place."""
    return _place


def world_size() -> int:
    """Number of processes."""
    return torch.distributed.get_world_size() if _grouped() else 1


def rank() -> int:
    """This process's rank, from 0."""
    return torch.distributed.get_rank() if _grouped() else 0


def is_first() -> bool:
    """Whether this process is the one that writes files."""
    return rank() == 0


def barrier() -> None:
    """Wait for all processes."""
    if world_size() > 1:
        torch.distributed.barrier(_talk())


def broadcast(message: Any = None) -> Any:
    """Rank 0's object in all processes; other ranks' arguments are ignored."""
    messages = [message]
    if world_size() > 1:
        torch.distributed.broadcast_object_list(messages, 0, _talk())
    return messages[0]


def gather(part: Any) -> list[Any]:
    """The parts of all processes by rank, in the first one; in others their own alone."""
    if world_size() == 1:
        return [part]
    parts = [None] * world_size() if is_first() else None
    torch.distributed.gather_object(part, parts, 0, _talk())
    return parts or [part]


def all_reduce_sum(number: float) -> float:
    """The sum of a number over all processes."""
    return _all_reduce(number, torch.distributed.ReduceOp.SUM)


def all_reduce_max(number: float) -> float:
    """The greatest of a number over all processes."""
    return _all_reduce(number, torch.distributed.ReduceOp.MAX)


def _all_reduce(number: float, operation: Any) -> float:
    value = torch.tensor(number, dtype=torch.float64)
    if world_size() > 1:
        torch.distributed.all_reduce(value, operation, _talk())
    return float(value)


def broadcast_tensors(tensors: Iterable[Tensor]) -> None:
    """Fill tensors on the CPU, the same ones everywhere, with those of the first process."""
    if world_size() > 1:
        for tensor in tensors:
            torch.distributed.broadcast(tensor, 0, _talk())


def _talk() -> Any:
    """The group for all but gradients: on the CPU, with a long timeout."""
    if not _talks:
        _talks.append(torch.distributed.new_group(backend="gloo", timeout=LONG))
    return _talks[0]


def _grouped() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
