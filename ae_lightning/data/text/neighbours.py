"""Nearest neighbours of documents, and documents beside their neighbours' words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.text.bag_of_words import Counts

MEBIBYTES = 64
"""Held at once of the distances between documents and others."""


@dataclass(frozen=True)
class DocumentsWithNeighbours(LazyArray):
    """Counts ``(documents, terms)``, then as many numbers again: the neighbours' words.

    Row ``i`` of ``links`` (documents, others) weighs ``words`` (others, terms), the distributions
    over words of other documents; a row of either sums to 1.
    """

    counts: Counts
    links: csr_array
    words: csr_array

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """Those of the three matrices."""
        matrices = (self.counts.matrix, self.links, self.words)
        return [array for matrix in matrices for array in Counts(matrix).arrays]

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Dense ``(rows, 2 * terms)``."""
        around = (self.links[rows] @ self.words).toarray()
        return np.hstack([self.counts[rows], around.astype(np.float32)])


def nearest(
    documents: csr_array, others: csr_array, count: int, *, same: bool = False
) -> csr_array:
    """Links ``(documents, others)`` to the ``count`` nearest by cosine, as shares that sum to 1.

    Takes weighted words ``(documents, terms)`` and ``(others, terms)``. With ``same`` both are the
    same documents and none is its own neighbour. Time grows with documents times others, memory
    does not. A document without any similar one has an empty row.
    """
    from sklearn import config_context  # type: ignore[attr-defined]
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import normalize

    count = min(count, others.shape[0] - same)
    if not count:
        return csr_array((documents.shape[0], others.shape[0]))
    index = NearestNeighbors(n_neighbors=count, metric="cosine").fit(others)
    with config_context(working_memory=MEBIBYTES):
        links = csr_array(index.kneighbors_graph(None if same else documents, mode="distance"))
    links.data = (1 - links.data).clip(0)
    links.eliminate_zeros()
    return csr_array(normalize(links, norm="l1"))
