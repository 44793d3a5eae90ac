"""Token sequences of different lengths, kept one after the other and padded a batch at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.data.rows import Rows
from ae_lightning.data.text import PADDING


@dataclass(frozen=True)
class Sequences(Rows):
    """Sequence ``i`` is ``tokens[offsets[i]:offsets[i + 1]]``; an empty one is allowed.

    ``tokens`` (tokens,) are ids, ``offsets`` (sequences + 1,) begin with 0. Neither the end token
    nor padding is among the tokens.
    """

    tokens: NDArray[Any]
    offsets: NDArray[Any]

    @property
    def arrays(self) -> Sequence[NDArray[Any]]:
        """Tokens and offsets."""
        return self.tokens, self.offsets

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of tokens of each sequence ``(sequences,)``: batches of like lengths are fast."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, rows: Any) -> NDArray[np.int64]:
        """Whole sequences ``(rows, longest of them)`` for a slice, indices or a mask.

        Shorter ones are followed by padding (0).
        """
        starts, lengths = self.offsets[:-1][rows], self.lengths[rows]
        places = np.arange(lengths.max(initial=0))
        inside = places < lengths[:, None]
        padded = np.full(inside.shape, PADDING, dtype=np.int64)
        padded[inside] = self.tokens[(starts[:, None] + places)[inside]]
        return padded
