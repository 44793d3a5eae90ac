"""What training on documents needs besides: their weighting, and targets around a document."""

from __future__ import annotations

import torch
from scipy.sparse import vstack
from sklearn.feature_extraction.text import TfidfTransformer
from torch import Tensor

from ae_lightning.data.neighbours import Surrounded, nearest
from ae_lightning.data.prepared import Prepared
from ae_lightning.items import Neighbours, WeightsName
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.weights import Weighting, kept_sparse
from ae_lightning.training.fit import Fit, Reconstruction

CHUNK = 2000


def weighting(weights: WeightsName, data: Prepared) -> Weighting:
    """How documents are weighed, with the ``idf`` of all that are not test.

    ``idf = ln((1 + n) / (1 + df)) + 1`` for ``n`` documents of which ``df`` have the term.
    """
    counts = vstack([data.counts(split).matrix for split in ("train", "validation")])
    idf = TfidfTransformer().fit(counts).idf_
    return Weighting(weights, torch.from_numpy(idf).float())


def surround(stack: Stack, data: Prepared, neighbours: Neighbours) -> tuple[Surrounded, Surrounded]:
    """Training and validation documents beside the words of the nearest training documents."""
    train, validation = data.counts("train"), data.counts("validation")
    words, held = (kept_sparse(stack.target, counts) for counts in (train, validation))
    around = nearest(words, words, neighbours.count, same=True)
    return (
        Surrounded(train, around, words),
        Surrounded(validation, nearest(held, words, neighbours.count), words),
    )


class Surroundings(Reconstruction):
    """Reconstruct from a document its own words and those of its neighbours.

    Chaidaroon, Ebesu & Fang (2018), "Deep semantic text hashing with weak supervision", section
    4.1, for any code: neighbours by the words themselves stand for what a document is about. A
    share ``share`` of the target is the neighbours'.
    """

    def __init__(self, stack: Stack, how: Fit, share: float) -> None:
        super().__init__(stack, how)
        self.share = share

    def example(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """Counts and targets, both ``(batch, terms)``, of a batch of :class:`Surrounded`."""
        counts, around = batch.chunk(2, dim=1)
        return counts, torch.lerp(self.stack.target(counts), around, self.share)
