"""Training on documents with their neighbours' words as additional targets."""

from __future__ import annotations

import torch
from torch import Tensor

from ae_lightning.config.variants import Neighbours
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.neighbours import DocumentsWithNeighbours, nearest
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import kept_sparse
from ae_lightning.training.module import Reconstruction
from ae_lightning.training.setup import Fit

CHUNK = 2000


def with_neighbours(
    stack: Stack, data: PreparedDataset, neighbours: Neighbours
) -> tuple[DocumentsWithNeighbours, DocumentsWithNeighbours]:
    """Training and validation documents beside the words of the nearest training documents."""
    train, validation = data.counts("train"), data.counts("validation")
    words, held = (kept_sparse(stack.target, counts) for counts in (train, validation))
    around = nearest(words, words, neighbours.count, same=True)
    return (
        DocumentsWithNeighbours(train, around, words),
        DocumentsWithNeighbours(validation, nearest(held, words, neighbours.count), words),
    )


class NeighbourReconstruction(Reconstruction):
    """Reconstruct from a document its own words and those of its neighbours.

    Chaidaroon, Ebesu & Fang (2018), "Deep semantic text hashing with weak supervision", section
    4.1, for any code: neighbours by the words themselves stand for a document's topic. A
    share ``share`` of the target is the neighbours'.
    """

    def __init__(self, stack: Stack, how: Fit, share: float) -> None:
        super().__init__(stack, how)
        self.share = share

    def example(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Counts and targets ``(batch, terms)`` of a batch of :class:`DocumentsWithNeighbours`."""
        counts, around = batch.chunk(2, dim=1)
        return counts, torch.lerp(self.stack.target(counts), around, self.share)
