"""Token sequences of different lengths, kept one after the other and padded a batch at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.text.tokenize import FIRST_WORD, PADDING, UNKNOWN, RaggedArray, index_words
from ae_lightning.data.text.vocabulary import Table, lookup


@dataclass(frozen=True)
class Sequences(LazyArray):
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


def sequences(rows: RaggedArray, table: Table) -> RaggedArray:
    """Token sequences: the same rows with ids for numbers; no end and no padding are stored."""
    return RaggedArray(table[rows.values], rows.offsets)


def sequences_of_texts(
    texts: Iterable[str], words: Sequence[str], stop_words: str | None
) -> RaggedArray:
    """Token sequences of new texts over the known words; others become ``UNKNOWN``."""
    tokens = index_words(texts, stop_words)
    return sequences(tokens.ragged(), lookup(tokens.numbers, words, FIRST_WORD, UNKNOWN))
