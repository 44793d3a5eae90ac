"""Word counts of documents, kept sparse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.text.tokenize import RaggedArray, index_words
from ae_lightning.data.text.vocabulary import NO_COLUMN, Table, lookup


@dataclass(frozen=True)
class Counts(LazyArray):
    """Counts ``(documents, terms)``; rows are dense float32."""

    matrix: csr_array

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """Values, columns and row starts."""
        return self.matrix.data, self.matrix.indices, self.matrix.indptr

    @property
    def shape(self) -> tuple[int, int]:
        """(documents, terms)."""
        documents, terms = self.matrix.shape
        return documents, terms

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Dense counts ``(rows, terms)``."""
        return self.matrix[rows].astype(np.float32).toarray()


def bags(rows: RaggedArray, table: Table, terms: int) -> csr_array:
    """How often each term occurs in each row: ``(rows, terms)`` int32, columns ascending.

    Numbers whose ``table`` entry is ``NO_COLUMN`` are passed over.
    """
    columns = table[rows.values]
    known = columns != NO_COLUMN
    before = np.zeros(len(columns) + 1, dtype=np.int64)
    np.cumsum(known, out=before[1:])
    columns = columns[known]
    content = (np.ones(len(columns), dtype=np.int32), columns, before[rows.offsets])
    matrix = csr_array(content, shape=(len(rows), terms))
    matrix.sum_duplicates()
    return matrix


def bags_of_texts(texts: Iterable[str], terms: Sequence[str], stop_words: str | None) -> csr_array:
    """Bags of new texts over a known vocabulary: ``(texts, terms)`` int32."""
    tokens = index_words(texts, stop_words)
    return bags(tokens.ragged(), lookup(tokens.numbers, terms, 0, NO_COLUMN), len(terms))
