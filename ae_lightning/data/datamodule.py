"""Training and validation batches of an autoencoder, as Lightning takes them."""

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ae_lightning.config.layers import Views
from ae_lightning.data.images.augment import shift, view
from ae_lightning.data.sampler import Array, BatchIndices, in_order, loader, to_unit
from ae_lightning.distributed.global_batch import jointly


def copies(images: Tensor, views: Views) -> Tensor:
    """Images as bytes with their augmented copies, ``(batch, 1 + copies, features)`` in [0, 1]."""
    clean = to_unit(images)
    placed = clean.view(*images.shape) if images.ndim == 4 else clean.view(*images.shape, 1)
    moved = [jointly(view, placed, views).flatten(1) for _ in range(2 if views.agreement else 1)]
    return torch.stack([clean, *moved], 1)


class ReconstructionData(lightning.LightningDataModule):
    """Training and validation examples of one autoencoder, input and target in one.

    Arrays are bytes ``(examples, *shape)`` or floats ``(examples, features)``; batches reach the
    module as floats ``(batch, features)``. Only training batches are shifted, or have the augmented
    copies of ``views`` beside them.
    """

    def __init__(
        self,
        train: Array,
        validation: Array,
        *,
        batch_size: int,
        seed: int = 0,
        shift: int = 0,
        views: Views | None = None,
        parts: int = 1,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.views, self.parts = views, parts
        self.train, self.validation = train, validation
        self.batch_size, self.seed, self.shift, self.workers = batch_size, seed, shift, workers

    @property
    def _ranks(self) -> dict[str, int]:
        if self.trainer is None:
            return {"rank": 0, "ranks": 1}
        return {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}

    @property
    def step(self) -> int:
        """Training examples of one forward pass, in all processes together."""
        return min(self.batch_size, len(self.train)) // self.parts

    def train_dataloader(self) -> DataLoader[Tensor]:
        """Shuffled batches of the training examples."""
        indices = BatchIndices(
            len(self.train),
            self.batch_size,
            shuffle=True,
            seed=self.seed,
            lengths=getattr(self.train, "lengths", None),
            parts=self.parts,
            **self._ranks,
        )
        return loader(self.train, indices, self.workers)

    def val_dataloader(self) -> DataLoader[Tensor]:
        """Batches of the validation examples in order."""
        indices = in_order(len(self.validation), self.batch_size, **self._ranks)
        return loader(self.validation, indices, self.workers)

    def on_after_batch_transfer(self, batch: Tensor, dataloader_idx: int) -> Tensor:
        """Bytes to floats, on the device, where it is cheap."""
        training = self.trainer is not None and self.trainer.training
        if training and self.shift:
            batch = jointly(shift, batch, self.shift)
        if training and self.views:
            return copies(batch, self.views)
        return to_unit(batch)
