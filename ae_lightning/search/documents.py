"""Search documents by meaning: a query's code beside the codes of all documents.

It works from the artifacts of a variant alone, without labels and without training's libraries.
Legend: D documents, K code size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import normalize

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.data.text.tokenize import tokenize
from ae_lightning.errors import UserError
from ae_lightning.nn.finite import finite
from ae_lightning.search.encoded import Codes, EncodedDocuments, open_documents

Floats = NDArray[np.float32]
SHOWN = 60
"""Characters of a query that an error repeats."""

SHOWN_WORDS = 8
"""Words that a message lists."""


@dataclass(frozen=True)
class Hit:
    """A document that was found, ``rank`` counted from 1.

    ``measure`` says what ``score`` is: ``cosine`` in [-1, 1], the nearest has the greatest, or the
    ``euclidean`` distance, the nearest has the smallest. ``date`` is None where unknown.
    """

    rank: int
    score: float
    measure: str
    id: str
    title: str
    date: str | None
    labels: tuple[str, ...]
    split: str


@dataclass(frozen=True)
class Measure:
    """A similarity or distance between documents and a query.

    ``prepare`` is done to codes ``(D, K)`` once and to each query's ``(1, K)``; ``scores`` gives
    ``(D,)`` for prepared documents and query ``(K,)``; times ``sign`` the nearest has the smallest.
    """

    prepare: Callable[[Any], Any]
    scores: Callable[[Any, Floats], Floats]
    sign: int


def cosine(documents: Codes, query: Floats) -> Floats:
    """Cosine similarities ``(D,)`` of codes of length 1; a code of zeros has 0 with all."""
    return np.clip(documents @ query, -1, 1)


def euclidean(documents: Floats, query: Floats) -> Floats:
    """Euclidean distances ``(D,)``."""
    distances: Floats = np.linalg.norm(documents - query, axis=1)
    return distances


MEASURES = {
    "cosine": Measure(prepare=normalize, scores=cosine, sign=-1),
    "euclidean": Measure(prepare=np.asarray, scores=euclidean, sign=1),
}


def smallest(values: Floats, count: int) -> NDArray[np.int64]:
    """Places of the ``count`` smallest values, ascending; of equal ones the first places."""
    count = min(count, len(values))
    last = np.partition(values, count - 1)[count - 1]
    places = np.flatnonzero(values <= last)
    return places[np.argsort(values[places], kind="stable")][:count]


@dataclass(frozen=True)
class DocumentIndex:
    """All documents of a dataset under one code; ``documents.codes`` suit the index's measure."""

    documents: EncodedDocuments

    @classmethod
    def open(cls, name: str, artifacts: Path = ARTIFACTS) -> DocumentIndex:
        """Load variant ``name``.

        Raises:
            UserError: there is no such variant, it is not on documents, it was not evaluated, or
                its parts do not fit together.
        """
        return cls.of(open_documents(name, artifacts))

    @classmethod
    def of(cls, documents: EncodedDocuments) -> DocumentIndex:
        """Prepare the codes, once for all queries."""
        index = cls(documents)
        codes = MEASURES[index.measure].prepare(documents.codes)
        return cls(replace(documents, codes=codes))

    @property
    def measure(self) -> str:
        """``cosine``, or ``euclidean`` for codes of two numbers, which have hardly any angle."""
        return "euclidean" if self.documents.stack.units == 2 else "cosine"

    @property
    def vocabulary(self) -> str:
        """Name of the vocabulary in messages."""
        name = self.documents.corpus.data.folder.name
        return f"the {len(self._terms):,} terms of {name!r}"

    def known(self, text: str) -> list[str]:
        """Words of ``text`` in the vocabulary, each once."""
        return [word for word in self._words(text) if word in self._terms]

    def unknown(self, text: str) -> list[str]:
        """Words of ``text`` that are not in the vocabulary, each once; stop words do not count."""
        return [word for word in self._words(text) if word not in self._terms]

    def search(self, text: str, count: int = 10) -> list[Hit]:
        """The ``count`` documents nearest to ``text``, nearest first.

        Raises:
            UserError: no word of ``text`` is in the vocabulary, or ``count`` is below 1.
        """
        if count < 1:
            raise UserError(f"count: must be at least 1, found {count}; ask for more documents")
        self._check(text)
        measure = MEASURES[self.measure]
        query = measure.prepare(self._code(text))[0]
        scores = measure.scores(self.documents.codes, query)
        nearest = smallest(measure.sign * scores, count)
        return [self._hit(rank, place, scores) for rank, place in enumerate(nearest.tolist(), 1)]

    def _check(self, text: str) -> None:
        if not text.strip():
            raise UserError("query: must not be empty; say what the documents are about")
        if not self.known(text):
            found = listed(self.unknown(text)) or "only stop words, numbers and single letters"
            raise UserError(
                f"query {_short(text)!r}: none of its words is among {self.vocabulary}, "
                f"found {found}; use other words"
            )

    @cached_property
    def _terms(self) -> frozenset[str]:
        kind = "words" if self.documents.stack.takes_sequences else "terms"
        return frozenset(self.documents.corpus.vocabulary[kind])

    def _words(self, text: str) -> list[str]:
        tokens = tokenize(text, self.documents.corpus.vocabulary["stop_words"])
        return list(dict.fromkeys(tokens))

    @torch.inference_mode()
    def _code(self, text: str) -> Floats:
        stack, corpus = self.documents.stack, self.documents.corpus
        rows = corpus.inputs_of([text], sequences=stack.takes_sequences)
        return finite(stack.encode(torch.from_numpy(rows[:])).numpy())

    def _hit(self, rank: int, place: int, scores: Floats) -> Hit:
        record = self.documents.records[place]
        shown = {key: record[key] for key in ("id", "title", "date", "split")}
        score, labels = float(scores[place]), tuple(record["labels"])
        return Hit(rank=rank, score=score, measure=self.measure, labels=labels, **shown)


def listed(words: Sequence[str]) -> str:
    """Words with commas between them, and how many more there are."""
    more = len(words) - SHOWN_WORDS
    return ", ".join(words[:SHOWN_WORDS]) + (f" and {more:,} more" if more > 0 else "")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else f"{flat[: SHOWN - 3]}..."
