"""Tokenisation of texts, and numbering of words by first occurrence."""

import re
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOKEN = re.compile(r"(?u)\b[^\W\d_]{2,}\b")
PADDING, UNKNOWN, END, FIRST_WORD = range(4)


def tokenize(text: str, stop_words: str | None) -> list[str]:
    """Runs of two or more letters, lower case, in their order and without the stop words.

    Scikit-learn's ``CountVectorizer`` gives the same with ``token_pattern=TOKEN.pattern``. Scripts
    that put no space between words (Chinese, Thai) are not taken apart.
    """
    from ae_lightning.data.text.stop_words import STOP_WORDS

    unwanted = STOP_WORDS[stop_words]
    return [word for word in TOKEN.findall(text.lower()) if word not in unwanted]


@dataclass(frozen=True)
class RaggedArray:
    """Rows of different lengths: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    ``values`` (entries,) int32, ``offsets`` (rows + 1,) int64 beginning with 0.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, rows: NDArray[np.int64]) -> "RaggedArray":
        """The rows with these numbers, in their own order whatever the order of ``rows``."""
        lengths, keep = np.diff(self.offsets), np.zeros(len(self), dtype=bool)
        keep[rows] = True
        offsets = np.zeros(np.count_nonzero(keep) + 1, dtype=np.int64)
        np.cumsum(lengths[keep], out=offsets[1:])
        return RaggedArray(self.values[np.repeat(keep, lengths)], offsets)


class WordIndexer:
    """Lists of words from a stream, kept as numbers: four bytes a word, eight a list.

    ``numbers`` maps each distinct word to its number.
    """

    def __init__(self) -> None:
        self.numbers: defaultdict[str, int] = defaultdict()
        self.numbers.default_factory = self.numbers.__len__
        self._values, self._offsets = array("i"), array("q", [0])

    def add(self, words: Iterable[str]) -> None:
        """Append one row."""
        self._values.extend(map(self.numbers.__getitem__, words))
        self._offsets.append(len(self._values))

    def ragged(self) -> RaggedArray:
        """All rows so far, without a copy: after this nothing more can be added."""
        values = np.frombuffer(self._values, dtype=np.int32)
        return RaggedArray(values, np.frombuffer(self._offsets, dtype=np.int64))


def index_words(texts: Iterable[str], stop_words: str | None) -> WordIndexer:
    """The words of several texts as numbers."""
    tokens = WordIndexer()
    for text in texts:
        tokens.add(tokenize(text, stop_words))
    return tokens
