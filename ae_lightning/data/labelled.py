"""Batches of labelled images, few or all, with unlabelled ones beside them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities import CombinedLoader
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ae_lightning.config.classifiers import Classifier, Number, Run
from ae_lightning.data.images.augment import random_affine
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import Array, BatchIndices, Examples, in_memory, in_order, to_unit
from ae_lightning.distributed.global_batch import jointly
from ae_lightning.errors import UserError

Labels = NDArray[Any]


class UnlabelledBatch(NamedTuple):
    """Clean unlabelled images and their augmented copies, both ``(batch, features)``."""

    clean: Tensor
    copies: Tensor


def balanced_subset(labels: Labels, number: int, seed: int) -> NDArray[np.intp]:
    """Indices of ``number`` examples, as many of each class as of any other, up to one.

    The choice depends on ``labels`` and ``seed`` alone, and those of a smaller number are among
    those of a larger one.

    Raises:
        ValueError: if a class has fewer examples than that takes.
    """
    random = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    first = random.permutation(len(classes))  # who is first when they do not come out even
    shuffled = [random.permutation(np.flatnonzero(labels == one)) for one in classes]
    each, more = divmod(number, len(classes))
    wanted = each + (np.argsort(first) < more)
    if (short := np.flatnonzero(wanted > sizes)).size:
        raise ValueError(
            f"must find {wanted[short[0]]} labelled images of each class for {number} labels, "
            f"found {sizes[short[0]]} of class {classes[short[0]]}; use fewer labels"
        )
    places = np.concatenate([all_[:some] for all_, some in zip(shuffled, wanted, strict=True)])
    return np.sort(places)


class RepeatedDataset(Dataset[tuple[Tensor, Tensor]]):
    """Labelled images behind batch indices, each of them ``times`` over."""

    def __init__(self, images: Array, labels: Tensor, times: int = 1) -> None:
        self.images, self.labels, self.times = Examples(images), labels, times

    def __len__(self) -> int:
        return self.times * len(self.labels)

    def __getitem__(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Images ``(batch, *shape)`` and labels ``(batch,)`` for indices ``(batch,)``."""
        places = indices % len(self.labels)
        return self.images[places], self.labels[places]


class LabelledData(lightning.LightningDataModule):
    """Training batches of one run; validation batches too if it has all labels.

    Training batches hold ``labelled`` images ``(batch, features)`` with their classes, augmented,
    and with ``classifier.unlabelled`` :class:`UnlabelledBatch` ones of the whole training part. A
    run with few labels has no validation: that would take more labels. ``places`` are indices of
    the labelled images, if they are not the run's own.
    """

    def __init__(
        self,
        classifier: Classifier,
        run: Run,
        data: PreparedDataset,
        limit_mb: int,
        *,
        places: NDArray[np.intp] | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.classifier, self.run, self.workers = classifier, run, workers
        self.images = in_memory(data.inputs("train"), limit_mb)
        labels = np.asarray(data.labels("train"))
        places = chosen(labels, run.labels, run.seed) if places is None else places
        some = np.asarray(data.inputs("train")[places]) if run.labels != "all" else self.images
        draws = len(labels) if classifier.unlabelled else classifier.train.draws
        times = -(-max(draws, len(places)) // len(places))
        self.labelled = RepeatedDataset(torch.as_tensor(some), _classes(labels[places]), times)
        self.validation = _validation(data, limit_mb) if run.labels == "all" else None

    @property
    def step(self) -> int:
        """Labelled images of one forward pass, in all processes together."""
        return min(self.classifier.train.batch_size, len(self.labelled))

    def train_dataloader(self) -> CombinedLoader:
        """Shuffled batches; an epoch is over when either has no more."""
        loaders = {"labelled": self._shuffled(self.labelled, len(self.labelled))}
        if self.classifier.unlabelled:
            loaders["unlabelled"] = self._shuffled(Examples(self.images), len(self.images))
        return CombinedLoader(loaders, "min_size")

    def _shuffled(self, examples: Dataset[Any], size: int) -> DataLoader[Any]:
        rank, ranks = self._ranks
        seed = self.run.seed
        indices = BatchIndices(size, self.step, shuffle=True, seed=seed, rank=rank, ranks=ranks)
        return _loader(examples, indices, self.workers)

    def val_dataloader(self) -> Any:
        """Validation images in order with their labels; none for few labels."""
        if self.validation is None:
            return []
        indices = in_order(len(self.validation), self.step, *self._ranks)
        return _loader(self.validation, indices, self.workers)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augment images, on the device; bytes to floats."""
        if not isinstance(batch, Mapping):
            images, labels = batch
            return to_unit(images), labels
        images, labels = batch["labelled"]
        copies = jointly(random_affine, images, self.classifier.moves)
        ready: dict[str, Any] = {"labelled": (copies, labels)}
        if self.classifier.unlabelled:
            images = batch["unlabelled"]
            copies = jointly(random_affine, images, self.classifier.unlabelled.moves)
            ready["unlabelled"] = UnlabelledBatch(to_unit(images), copies)
        return ready

    @property
    def _ranks(self) -> tuple[int, int]:
        """This process's rank, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)


def chosen(labels: Labels, number: Number, seed: int) -> NDArray[np.intp]:
    """Indices of a run's labelled images among all training images.

    Raises:
        UserError: if there are too few of a class.
    """
    if number == "all":
        return np.arange(len(labels))
    try:
        return balanced_subset(labels, number, seed)
    except ValueError as error:
        raise UserError(f"params.yaml: classifiers: labels: {error}") from error


def _validation(data: PreparedDataset, limit_mb: int) -> RepeatedDataset:
    labels = np.asarray(data.labels("validation"))
    return RepeatedDataset(in_memory(data.inputs("validation"), limit_mb), _classes(labels))


def _classes(labels: Labels) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64))


def _loader(examples: Dataset[Any], indices: BatchIndices, workers: int) -> DataLoader[Any]:
    """A loader whose every item is a batch, with a generator of its own (see :func:`loader`)."""
    return DataLoader(
        examples,
        sampler=indices,
        batch_size=None,
        num_workers=workers,
        generator=torch.Generator(),
    )
