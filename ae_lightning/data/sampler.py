"""Batches of arrays: one indexing operation a batch, never a per-example collate."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.distributed import process_group
from ae_lightning.errors import UserError

Array = NDArray[Any] | Tensor | LazyArray
BYTES_PER_MB = 2**20
POOL = 100
"""Batches among which examples are sorted by length: so many that few are padded much."""


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of one epoch of a training with ``seed``; far from those of other seeds."""
    return 1_000_003 * seed + 1009 * epoch


class BatchIndices(Sampler[Tensor]):
    """Indices of whole batches, shuffled by ``(seed, epoch)`` alone and shared out over ranks.

    Every rank yields the same number of batches; their global batch is ``batch_size``. Shuffled
    passes drop the incomplete last batch, others keep it. As the order depends on nothing else,
    a resumed training sees the same batches as an uninterrupted one.

    With the examples' ``lengths`` ``(size,)``, shuffled batches hold examples of like length, so
    that little of them is padding. Shuffled batches come in ``parts`` of equal size, one after the
    other.

    Raises:
        UserError: if batches cannot be split into equal parts, or there are fewer examples than
            ranks.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        lengths: Array | None = None,
        parts: int = 1,
    ) -> None:
        self.size, self.batch_size, self.shuffle = size, min(batch_size, size), shuffle
        self.lengths = None if lengths is None else torch.as_tensor(lengths)
        self.seed, self.rank, self.ranks, self.epoch = seed, rank, ranks, 0
        self.parts = parts if shuffle else 1
        if self.batch_size % self.parts:
            raise UserError(
                f"AE_ACCUMULATE: must divide the batch size {self.batch_size}, found {parts}; "
                "use a divisor"
            )
        if self.batch_size // self.parts < ranks:
            raise UserError(
                f"AE_DEVICES: {ranks} processes need as many examples in every batch, found "
                f"{self.batch_size // self.parts}; use fewer processes"
            )

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of ``epoch``; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.shuffle:
            return self.size // self.batch_size * self.parts
        return -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self._batches():
            for part in range(self.parts):
                yield batch[part :: self.parts][self.rank :: self.ranks]

    def _batches(self) -> Sequence[Tensor]:
        if not self.shuffle:
            return torch.arange(self.size).split(self.batch_size)
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=generator)
        order = order[: self.size // self.batch_size * self.batch_size]
        if self.lengths is None:
            return order.split(self.batch_size)
        pools = order.split(POOL * self.batch_size)
        alike = torch.cat([pool[self.lengths[pool].argsort(stable=True)] for pool in pools])
        batches = alike.split(self.batch_size)
        return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


def in_order(size: int, batch_size: int, rank: int, ranks: int) -> BatchIndices:
    """Batches in order, larger where the last one would otherwise have none for some rank.

    The mean of an empty batch is NaN.
    """
    while batch_size < size and 0 < size % batch_size < ranks:
        batch_size += 1
    return BatchIndices(size, batch_size, rank=rank, ranks=ranks)


class Examples(Dataset[Tensor]):
    """Examples behind batch indices, in their order; a memory-mapped array is read in its own."""

    def __init__(self, array: Array) -> None:
        self.array = array

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Examples ``(batch, *shape)`` for indices ``(batch,)``."""
        if isinstance(self.array, Tensor):
            return self.array[indices]
        order, places = indices.sort()
        batch = torch.from_numpy(np.asarray(self.array[order.numpy()]))
        return batch[places.argsort()]


def loader(array: Array, indices: BatchIndices, workers: int = 0) -> DataLoader[Tensor]:
    """A loader whose every item is a batch.

    It has a generator of its own: an iterator draws a seed, and from the global generator that
    would change what a training draws, depending on whether it was resumed.
    """
    return DataLoader(
        Examples(array),
        sampler=indices,
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),
    )


def in_memory(array: NDArray[Any] | LazyArray, limit_mb: int) -> Array:
    """The array as a tensor if it fits into ``limit_mb`` (MiB), otherwise as it is on disk.

    Rows that are made when they are asked for stay what they are. Several processes read what is on
    disk, of which the machine keeps one copy in memory for all of them.
    """
    shared = process_group.world_size() > 1
    if shared or isinstance(array, LazyArray) or array.nbytes > limit_mb * BYTES_PER_MB:
        return array
    return torch.from_numpy(np.array(array))


def to_unit(batch: Tensor) -> Tensor:
    """Bytes ``(batch, *shape)`` to floats in [0, 1] ``(batch, features)``; floats stay."""
    if batch.dtype == torch.uint8:
        return batch.flatten(1).float().mul_(1 / 255)
    return batch.flatten(1)
