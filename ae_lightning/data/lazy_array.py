"""Base class of arrays stored in another form than the dense one a net gets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LazyArray(ABC):
    """Examples that become a dense array only a batch at a time."""

    @property
    @abstractmethod
    def arrays(self) -> Sequence[NDArray[Any]]:
        """The underlying arrays, which determine the examples byte for byte."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Examples ``(rows, ...)`` of a slice or an array of indices."""

    @property
    def nbytes(self) -> int:
        """Bytes of the stored arrays."""
        return int(sum(np.asarray(array).nbytes for array in self.arrays))
