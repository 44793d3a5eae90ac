"""Arrays to batches: one indexing a batch, never a per-example collate."""

from collections.abc import Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Sampler

from ae_lightning.data.rows import Rows

Array = NDArray[Any] | Tensor | Rows
BYTES_PER_MB = 2**20
POOL = 100
"""Batches among which examples are sorted by length: so many that few are padded much."""


def epoch_seed(seed: int, epoch: int) -> int:
    """Seed of one epoch of a training with ``seed``; far from those of other seeds."""
    return 1_000_003 * seed + 1009 * epoch


class BatchIndices(Sampler[Tensor]):
    """Indices of whole batches, shuffled by ``(seed, epoch)`` alone and shared out over ranks.

    Every rank yields the same number of batches; their global batch is ``batch_size``. Shuffled
    passes drop the incomplete last batch, others keep it. Because nothing but the epoch enters,
    a resumed training sees the batches that an undisturbed one would.

    With the examples' ``lengths`` ``(size,)``, shuffled batches hold examples of like length, so
    that little of them is padding.
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
    ) -> None:
        self.size, self.batch_size, self.shuffle = size, min(batch_size, size), shuffle
        self.lengths = None if lengths is None else torch.as_tensor(lengths)
        self.seed, self.rank, self.ranks, self.epoch = seed, rank, ranks, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of ``epoch``; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.shuffle:
            return self.size // self.batch_size
        return -(-self.size // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        for batch in self._batches():
            yield batch[self.rank :: self.ranks]

    def _batches(self) -> Sequence[Tensor]:
        if not self.shuffle:
            return torch.arange(self.size).split(self.batch_size)
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.size, generator=generator)[: len(self) * self.batch_size]
        if self.lengths is None:
            return order.split(self.batch_size)
        pools = order.split(POOL * self.batch_size)
        alike = torch.cat([pool[self.lengths[pool].argsort(stable=True)] for pool in pools])
        batches = alike.split(self.batch_size)
        return [batches[place] for place in torch.randperm(len(batches), generator=generator)]


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


def in_memory(array: NDArray[Any] | Rows, limit_mb: int) -> Array:
    """The array as a tensor if it fits into ``limit_mb`` (MiB), otherwise as it is on disk.

    Rows that are made when they are asked for stay what they are.
    """
    if isinstance(array, Rows) or array.nbytes > limit_mb * BYTES_PER_MB:
        return array
    return torch.from_numpy(np.array(array))


def to_unit(batch: Tensor) -> Tensor:
    """Bytes ``(batch, *shape)`` to floats in [0, 1] ``(batch, features)``; floats stay."""
    if batch.dtype == torch.uint8:
        return batch.flatten(1).float().mul_(1 / 255)
    return batch.flatten(1)


def shift(images: Tensor, pixels: int) -> Tensor:
    """Move each image by its own random offset of up to ``pixels`` in each direction.

    Takes and returns ``(batch, height, width)``; what moves in from outside is 0. Offsets come from
    torch's global generator.
    """
    count, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4)
    down, right = torch.randint(0, 2 * pixels + 1, (2, count, 1), device=images.device)
    rows = down + torch.arange(height, device=images.device)
    columns = right + torch.arange(width, device=images.device)
    example = torch.arange(count, device=images.device)[:, None, None]
    return padded[example, rows[:, :, None], columns[:, None, :]]


class ReconstructionData(lightning.LightningDataModule):
    """Training and validation examples of one autoencoder, input and target in one.

    Arrays are bytes ``(examples, *shape)`` or floats ``(examples, features)``; batches reach the
    module as floats ``(batch, features)``. Only training batches are shifted.
    """

    def __init__(
        self,
        train: Array,
        validation: Array,
        *,
        batch_size: int,
        seed: int = 0,
        shift: int = 0,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.batch_size, self.seed, self.shift, self.workers = batch_size, seed, shift, workers

    def _indices(self, array: Array, *, shuffle: bool) -> BatchIndices:
        ranks = {}
        if self.trainer is not None:
            ranks = {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}
        return BatchIndices(
            len(array),
            self.batch_size,
            shuffle=shuffle,
            seed=self.seed,
            lengths=getattr(array, "lengths", None),
            **ranks,
        )

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Shuffled batches of the training examples."""
        return loader(self.train, self._indices(self.train, shuffle=True), self.workers)

    def val_dataloader(self) -> DataLoader[Tensor]:
        """Batches of the validation examples in order."""
        return loader(self.validation, self._indices(self.validation, shuffle=False), self.workers)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Tensor:
        """Bytes to floats, on the device, where it is cheap."""
        if self.shift and self.trainer is not None and self.trainer.training:
            batch = shift(batch, self.shift)
        return to_unit(batch)
