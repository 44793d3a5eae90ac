"""Word counts of documents, kept sparse."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ae_lightning.data.rows import Rows


@dataclass(frozen=True)
class Counts(Rows):
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
