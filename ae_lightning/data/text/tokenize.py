"""Tokenisation of texts, and numbering of words by first occurrence."""

import functools
import re
import sys
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN, END, FIRST_WORD = range(4)
ZERO_WIDTH_SPACE = "\u200b"


def tokenize(text: str, stop_words: str | None) -> list[str]:
    """The words of a text, lower case, in their order and without the stop words.

    A word is a run of two or more letters, digits and combining marks that begins with a letter or
    digit and holds a letter; underscores may stand inside it. However a text encodes them
    (composed or not, full width, ligatures), equal words are equal. Scripts that put no space
    between words (Chinese, Thai) are not taken apart.

    Scikit-learn's ``CountVectorizer`` counts the same with this as its ``tokenizer``.
    """
    from ae_lightning.data.text.stop_words import STOP_WORDS

    unwanted = STOP_WORDS[stop_words]
    words = [run.rstrip("_") for run in _runs().findall(normalize(text))]
    return [word for word in words if word not in unwanted and _is_word(word)]


def normalize(text: str) -> str:
    """Lower case in Unicode's form NFKC, without characters that cannot be seen.

    A capital I with a dot becomes a plain i.
    """
    if text.isascii():
        return text.lower()
    visible = unicodedata.normalize("NFKC", text).translate(_invisible())
    return unicodedata.normalize("NFC", visible.lower().replace("i\u0307", "i"))


def _is_word(run: str) -> bool:
    return len(run) > 1 and any(map(str.isalpha, run))


@functools.cache
def _runs() -> re.Pattern[str]:
    """Letters, digits, underscores and marks, beginning with one of the first two."""
    marks = "".join(_characters("Mn", "Mc", "Me"))
    mark = rf"(?=[^\0-{chr(ord(min(marks)) - 1)}])[{marks}]"  # most that is no mark is told at once
    return re.compile(rf"[^\W_](?:\w|{mark})+")


@functools.cache
def _invisible() -> dict[int, str | None]:
    """Soft hyphens, joiners and the like vanish; a zero-width space parts words."""
    return dict.fromkeys(map(ord, _characters("Cf"))) | {ord(ZERO_WIDTH_SPACE): " "}


def _characters(*categories: str) -> list[str]:
    """Those of these categories of Unicode."""
    everything = map(chr, range(sys.maxunicode + 1))
    return [each for each in everything if unicodedata.category(each) in categories]


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
