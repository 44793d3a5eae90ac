"""Nearest neighbours of documents, and documents beside their neighbours' words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.text.bag_of_words import Counts

CHUNK = 500


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
    from sklearn.preprocessing import normalize

    documents, others = (csr_array(normalize(matrix)) for matrix in (documents, others))
    count = min(count, others.shape[0] - same)
    return csr_array(vstack(list(_nearest(documents, others, count, same)), format="csr"))


def _nearest(
    documents: csr_array, others: csr_array, count: int, same: bool
) -> Iterator[csr_array]:
    from sklearn.preprocessing import normalize

    for start in range(0, documents.shape[0], CHUNK):
        part = documents[start : start + CHUNK].toarray()
        similar = np.asarray(others @ part.T).T  # sparse times dense: no dense copy of the others
        if same:
            similar[np.arange(len(part)), start + np.arange(len(part))] = 0
        columns = np.argpartition(-similar, count - 1, axis=1)[:, :count]
        shares = np.take_along_axis(similar, columns, axis=1)
        rows = np.repeat(np.arange(len(part)), count)
        chosen = csr_array((shares.ravel(), (rows, columns.ravel())), shape=similar.shape)
        yield csr_array(normalize(chosen, norm="l1"))
