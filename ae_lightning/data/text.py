"""From text to numbers: tokens, the most frequent terms, bags of words and token sequences.

Legend: every distinct word has a *number*, in the order in which a stream brings them; a *table*
``(numbers,)`` says what a number becomes: the column of a bag, the id in a sequence.
"""

import heapq
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

TOKEN = re.compile(r"(?u)\b[^\W\d_]{2,}\b")
STOP_WORDS: dict[str | None, frozenset[str]] = {"english": ENGLISH_STOP_WORDS, None: frozenset()}
PADDING, UNKNOWN, END, FIRST_WORD = range(4)
NO_COLUMN = -1

Table = NDArray[np.int32]


def tokenize(text: str, stop_words: str | None) -> list[str]:
    """Runs of two or more letters, lower case, in their order and without the stop words.

    Scikit-learn's ``CountVectorizer`` gives the same with ``token_pattern=TOKEN.pattern``. Scripts
    that put no space between words (Chinese, Thai) are not taken apart.
    """
    unwanted = STOP_WORDS[stop_words]
    return [word for word in TOKEN.findall(text.lower()) if word not in unwanted]


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    ``values`` (entries,) int32, ``offsets`` (rows + 1,) int64 beginning with 0.
    """

    values: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def select(self, rows: NDArray[np.int64]) -> "Ragged":
        """The rows with these numbers, in their own order whatever the order of ``rows``."""
        lengths, keep = np.diff(self.offsets), np.zeros(len(self), dtype=bool)
        keep[rows] = True
        offsets = np.zeros(np.count_nonzero(keep) + 1, dtype=np.int64)
        np.cumsum(lengths[keep], out=offsets[1:])
        return Ragged(self.values[np.repeat(keep, lengths)], offsets)


class Numbered:
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

    def ragged(self) -> Ragged:
        """All rows so far, without a copy: after this nothing more can be added."""
        values = np.frombuffer(self._values, dtype=np.int32)
        return Ragged(values, np.frombuffer(self._offsets, dtype=np.int64))


def most_frequent(numbers: Mapping[str, int], totals: NDArray[np.integer], size: int) -> list[str]:
    """At most ``size`` words that occur, most frequent first, equally frequent ones by alphabet.

    ``totals`` (numbers,) says how often each word occurs. ``CountVectorizer(max_features=size)``
    takes the same ones, but leaves it to chance which of the equally frequent last ones.
    """
    occurring = ((-int(totals[number]), word) for word, number in numbers.items())
    best = heapq.nsmallest(size, (pair for pair in occurring if pair[0]))
    return [word for _, word in best]


def lookup(numbers: Mapping[str, int], words: Sequence[str], first: int, other: int) -> Table:
    """The table ``(numbers,)`` from a word's number to ``first`` + its place in ``words``.

    Words that are not among them become ``other``.
    """
    places = {word: first + place for place, word in enumerate(words)}
    # A dictionary's order is that of insertion, which here is the numbers'.
    return np.fromiter((places.get(word, other) for word in numbers), np.int32, len(numbers))


def bags(rows: Ragged, table: Table, terms: int) -> csr_array:
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
    tokens = _numbered(texts, stop_words)
    return bags(tokens.ragged(), lookup(tokens.numbers, terms, 0, NO_COLUMN), len(terms))


def sequences(rows: Ragged, table: Table) -> Ragged:
    """Token sequences: the same rows with ids for numbers; no end and no padding are stored."""
    return Ragged(table[rows.values], rows.offsets)


def sequences_of_texts(
    texts: Iterable[str], words: Sequence[str], stop_words: str | None
) -> Ragged:
    """Token sequences of new texts over the known words; others become ``UNKNOWN``."""
    tokens = _numbered(texts, stop_words)
    return sequences(tokens.ragged(), lookup(tokens.numbers, words, FIRST_WORD, UNKNOWN))


def _numbered(texts: Iterable[str], stop_words: str | None) -> Numbered:
    tokens = Numbered()
    for text in texts:
        tokens.add(tokenize(text, stop_words))
    return tokens
