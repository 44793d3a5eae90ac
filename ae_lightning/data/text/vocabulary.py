"""One pass over a dataset's documents: their words as numbers, the split, the vocabulary.

Only a number per token and per label stays in memory; titles wait in a file.

Legend: every distinct word has a *number*, by first occurrence; a *table* ``(numbers,)`` maps
numbers to columns of a bag or to ids in a sequence.
"""

import heapq
import json
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import Documents
from ae_lightning.data.text.readers import Remark, read, refuse
from ae_lightning.data.text.schema import Document
from ae_lightning.data.text.tokenize import RaggedArray, WordIndexer, tokenize
from ae_lightning.errors import UserError

Rows = NDArray[np.int64]
"""Numbers of documents, counted from 0 in the order of the files."""

NO_COLUMN = -1
Table = NDArray[np.int32]


@dataclass(frozen=True)
class RawDocuments:
    """All documents as numbers; id, title, date and labels as JSON lines in the file ``records``.

    ``words`` and ``names`` give the numbers in ``tokens`` and ``labels``; ``days`` (documents,) are
    dates as ordinals, 0 where unknown.
    """

    tokens: RaggedArray
    words: dict[str, int]
    labels: RaggedArray
    names: dict[str, int]
    days: NDArray[np.int32]
    records: Path


def collect(
    dataset: Documents, records: Path, remark: Callable[[Remark], None] = refuse
) -> RawDocuments:
    """Read and tokenise all documents; ``remark`` hears of those left out (:func:`read`).

    Raises:
        UserError: no document can be read, or a column is missing.
    """
    tokens, labels, days = WordIndexer(), WordIndexer(), array("i")
    with records.open("w", encoding="utf-8", newline="\n") as file:
        for document in read(dataset.path, dataset.columns, remark, dated=bool(dataset.until)):
            tokens.add(tokenize(document.text, dataset.stop_words))
            labels.add(document.labels)
            days.append(document.date.toordinal() if document.date else 0)
            file.write(json.dumps(_record(document), ensure_ascii=False) + "\n")
    ordinals = np.frombuffer(days, dtype=np.int32)
    return RawDocuments(
        tokens.ragged(), tokens.numbers, labels.ragged(), labels.numbers, ordinals, records
    )


def _record(document: Document) -> dict[str, Any]:
    day = document.date and document.date.isoformat()
    labels = list(document.labels)
    return {"id": document.id, "title": document.title, "date": day, "labels": labels}


def train_and_test(dataset: Documents, days: NDArray[np.int32], where: str) -> tuple[Rows, Rows]:
    """Documents to train on, in the order whose last become the validation part, and to test.

    By date that is the order of the files. By chance it is the drawn order: files are often sorted
    by label, and the last of them would all have one.

    Raises:
        UserError: one of the two is empty.
    """
    key = "until" if dataset.until else "test"
    train, test = SPLITTERS[key](dataset, days)
    if not len(train) or not len(test):
        raise UserError(
            f"{where}.{key}: must leave documents to train on and to test, found {len(train)} and "
            f"{len(test)} with {getattr(dataset, key)}; change it or add documents"
        )
    return train, test


def _by_date(dataset: Documents, days: NDArray[np.int32]) -> tuple[Rows, Rows]:
    assert dataset.until
    late = days > dataset.until.toordinal()
    return np.flatnonzero(~late), np.flatnonzero(late)


def _by_chance(dataset: Documents, days: NDArray[np.int32]) -> tuple[Rows, Rows]:
    order = np.random.default_rng(dataset.seed).permutation(len(days))
    tested = round(len(order) * dataset.test)
    return order[tested:], np.sort(order[:tested])


SPLITTERS = {"until": _by_date, "test": _by_chance}
"""How documents are split, by the field of ``Documents`` that says so."""


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
