"""Training on documents with their neighbours' words as additional targets.

Chaidaroon, Ebesu & Fang (2018), "Deep semantic text hashing with weak supervision", section 4.1,
for any code: neighbours by the words themselves stand for a document's topic.
"""

import torch
from torch import Tensor

from ae_lightning.config.variants import Variant
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.neighbours import DocumentsWithNeighbours, nearest
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import kept_sparse


def with_neighbours(
    stack: Stack, data: PreparedDataset, item: Variant, limit_mb: int
) -> tuple[DocumentsWithNeighbours, DocumentsWithNeighbours]:
    """Training and validation documents beside the words of the nearest training documents."""
    assert item.neighbours is not None
    train, validation = data.counts("train"), data.counts("validation")
    words, held = (kept_sparse(stack.target, counts) for counts in (train, validation))
    around = nearest(words, words, item.neighbours.count, same=True)
    return (
        DocumentsWithNeighbours(train, around, words),
        DocumentsWithNeighbours(validation, nearest(held, words, item.neighbours.count), words),
    )


def own_and_neighbours(
    stack: Stack, batch: Tensor, item: Variant, training: bool
) -> tuple[Tensor, Tensor]:
    """Counts and targets ``(batch, terms)`` of a batch of :class:`DocumentsWithNeighbours`.

    The configured share of a target is the neighbours'.
    """
    assert item.neighbours is not None
    counts, around = batch.chunk(2, dim=1)
    return counts, torch.lerp(stack.target(counts), around, item.neighbours.share)
