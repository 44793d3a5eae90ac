"""Search images by content: a query's code beside the codes of all prepared images.

It works from the artifacts of a variant alone, without labels and without training's libraries.
Legend: Q queries, D images of the database, K code size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.data.concat import ConcatenatedArrays
from ae_lightning.data.images.prepare_arrays import Advance, progress
from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.inference.artifacts import ModelArtifacts, open_variant, saved_codes, stale
from ae_lightning.nn.finite import finite
from ae_lightning.nn.stack import Stack
from ae_lightning.search.index import Vectors, nearest

Floats = NDArray[np.float32]
Images = NDArray[np.uint8]

BATCH = 1000
"""Images that are encoded at a time."""


@dataclass(frozen=True)
class ImageHit:
    """An image that was found, ``rank`` counted from 1, at a Euclidean ``distance`` of codes.

    It is image ``number`` of its ``split``, counted from 0. ``label`` is its class, None without
    labels, ``file`` where it was in the dataset's folder, None if it was in an array.
    """

    rank: int
    distance: float
    label: str | None
    split: str
    number: int
    file: str | None


@dataclass(frozen=True)
class ImageIndex:
    """All prepared images of a dataset, split after split, under the codes (D, K) of one net."""

    stack: Stack
    data: PreparedDataset
    codes: Vectors

    @classmethod
    def open(cls, name: str, artifacts: Path = ARTIFACTS) -> ImageIndex:
        """Load variant ``name``; splits without stored codes are encoded now.

        Raises:
            UserError: there is no such variant, it is not on images, it was not evaluated, or its
                parts do not fit together.
        """
        trained = open_variant(name, artifacts, "images")
        return cls(trained.stack, trained.data, _codes(trained))

    def search(self, images: Images, count: int = 10) -> list[list[ImageHit]]:
        """The ``count`` images nearest to each of ``images`` ``(Q, *shape)``, nearest first.

        Raises:
            UserError: ``count`` is below 1.
        """
        if count < 1:
            raise UserError(f"count: must be at least 1, found {count}; ask for more images")
        queries = encode(self.stack, images)
        indices, distances = nearest(queries, self.codes, min(count, len(self.codes)))
        return [
            [self._hit(rank, *found) for rank, found in enumerate(zip(*row, strict=True), start=1)]
            for row in zip(indices.tolist(), distances.tolist(), strict=True)
        ]

    def image(self, hit: ImageHit) -> Images:
        """The image ``(*shape)`` that was found."""
        found: Images = np.asarray(self.data.inputs(hit.split)[hit.number])
        return found

    @cached_property
    def _parts(self) -> list[IndexSplit]:
        sizes = [len(self.data.inputs(split)) for split in SPLITS]
        starts = accumulate(sizes[:-1], initial=0)
        return [
            IndexSplit.of(self.data, split, start)
            for split, start in zip(SPLITS, starts, strict=True)
        ]

    def _hit(self, rank: int, index: int, distance: float) -> ImageHit:
        part = next(part for part in reversed(self._parts) if part.start <= index)
        number = index - part.start
        label = self.data.classes[int(part.labels[number])] if len(part.labels) else None
        file = part.files[number] if part.files else None
        return ImageHit(rank, distance, label, part.split, number, file)


@dataclass(frozen=True)
class IndexSplit:
    """A split that begins at ``start`` of the database, with its labels and files, if any."""

    split: str
    start: int
    labels: NDArray[Any]
    files: list[str]

    @classmethod
    def of(cls, data: PreparedDataset, split: str, start: int) -> IndexSplit:
        """The labels and files of a split of ``data``."""
        labels = data.labels(split) if data.labelled else np.empty(0, dtype=np.uint8)
        return cls(split, start, labels, data.files(split))


@dataclass(frozen=True)
class Encoding:
    """Codes (D, K) that are computed on each access."""

    stack: Stack
    images: ConcatenatedArrays

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice) -> Floats:
        return encode(self.stack, self.images[rows])


@torch.inference_mode()
def encode(stack: Stack, images: Images, advance: Advance = lambda count: None) -> Floats:
    """Codes ``(images, K)`` of images ``(images, *shape)``, which may be flat.

    ``advance`` is told how many more are done.
    """
    parts = []
    for start in range(0, len(images), BATCH):
        some = torch.from_numpy(np.array(images[start : start + BATCH]))
        # What data.batches.to_unit does, whose module needs training's libraries.
        parts.append(stack.encode(some.flatten(1).float().mul_(1 / 255)))
        advance(len(some))
    return finite(torch.cat(parts).numpy())


def _codes(trained: ModelArtifacts) -> Vectors:
    """Codes of all images: those that evaluation stored, and the others made now.

    A stack without layers has codes as large as images, which are not kept in memory.
    """
    stack, data = trained.stack, trained.data
    takes = stack.layers[0].spec.inputs if stack.layers else stack.units or data.features
    if takes != data.features:
        raise stale(trained, f"the {data.features:,} numbers of an image", f"{takes:,}")
    inputs = {split: data.inputs(split) for split in SPLITS}
    if not stack.layers:
        return Encoding(stack, ConcatenatedArrays(list(inputs.values())))
    sizes = {split: len(images) for split, images in inputs.items()}
    codes = saved_codes(trained.codes, sizes, stack.units, examples="images", optional=SPLITS)
    absent = {split: images for split, images in inputs.items() if split not in codes}
    if absent:
        with progress(f"{trained.name}: codes", sum(map(len, absent.values()))) as advance:
            codes |= {split: encode(stack, images, advance) for split, images in absent.items()}
    return np.concatenate([codes[split] for split in SPLITS])
