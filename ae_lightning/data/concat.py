"""Several arrays concatenated along their rows without a copy."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ConcatenatedArrays:
    """Arrays ``(examples, *shape)`` concatenated, examples flat: ``(all examples, features)``.

    Memory-mapped ones stay on disk but for the rows that are indexed.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self._parts = [array.reshape(-1, prod(array.shape[1:])) for array in arrays]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    @property
    def shape(self) -> tuple[int, int]:
        """Examples and features."""
        return len(self), self._parts[0].shape[1]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """Rows ``(rows, features)`` of a slice without a step."""
        start, stop, _ = rows.indices(len(self))
        found = []
        for part in self._parts:
            found.append(part[max(start, 0) : max(stop, 0)])
            start, stop = start - len(part), stop - len(part)
        return np.concatenate(found)
