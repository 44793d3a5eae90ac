"""A model of documents as bags of words.

Legend: N documents, T terms of the vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import UNKNOWN
from ae_lightning.errors import UserError
from ae_lightning.inference.artifacts import ModelArtifacts
from ae_lightning.inference.checks import checked_texts
from ae_lightning.inference.model import Answers, Floats, Model
from ae_lightning.nn.activations import softmax
from ae_lightning.nn.losses import multinomial, squared_error

SHOWN = 40
"""Characters of a text that an error repeats."""


class TextModel(Model[Sequence[str], Answers]):
    """Base class of document models: texts are looked up in the training vocabulary."""

    def __init__(self, trained: ModelArtifacts) -> None:
        super().__init__(trained)
        self.corpus = Corpus(trained.data)

    @property
    def terms(self) -> list[str]:
        """The vocabulary ``(T,)``, most frequent first; other words are ignored."""
        terms: list[str] = self.corpus.vocabulary[self._vocabulary]
        return terms

    def batches(self, examples: Sequence[str]) -> LazyArray:
        """Texts as the net takes them.

        Raises:
            UserError: a text is empty, or has no word of the vocabulary.
        """
        texts = checked_texts(examples)
        if troubles := self.troubles(texts):
            place, why = next(iter(troubles.items()))
            more = f" (and {len(troubles) - 1:,} more)" if len(troubles) > 1 else ""
            raise UserError(f"texts[{place}]: {why}; leave it out{more}")
        return self._rows_of(texts)

    def prepared(self, split: str) -> LazyArray:
        """The prepared documents of a split, as the net takes them."""
        return self.corpus.inputs(split, sequences=self.stack.takes_sequences)

    def troubles(self, texts: Sequence[str]) -> dict[int, str]:
        """Indices of the texts without a word of the vocabulary, with the reason."""
        rows = self._rows_of(texts) if texts else None
        empty = np.flatnonzero(~self._known(rows)).tolist() if rows else ()
        return {place: self._why(texts[place]) for place in empty}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags

    @property
    def _vocabulary(self) -> str:
        return "words" if self.stack.takes_sequences else "terms"

    def _rows_of(self, texts: Sequence[str]) -> LazyArray:
        return self.corpus.inputs_of(texts, sequences=self.stack.takes_sequences)

    def _known(self, rows: LazyArray) -> NDArray[np.bool_]:
        """Whether each of the new texts has a word of the vocabulary, ``(N,)``."""
        *_, starts = rows.arrays
        if not self.stack.takes_sequences:
            return np.asarray(np.diff(starts) > 0)
        tokens, _ = rows.arrays
        known = np.append(0, np.cumsum(tokens != UNKNOWN))
        return np.asarray(np.diff(known[starts]) > 0)

    def _why(self, text: str) -> str:
        flat = " ".join(text.split())
        if not flat:
            return "must not be empty"
        short = flat if len(flat) <= SHOWN else f"{flat[: SHOWN - 3]}..."
        return (
            f"must have a word among the {len(self.terms):,} {self._vocabulary} of "
            f"{self.data.folder.name!r}, found {short!r}"
        )


class DocumentModel(TextModel[Floats]):
    """Documents are a list of texts, title and body together; only which words count.

    Reconstructions are float32 ``(N, T)``: with softmax outputs each term's share of the document,
    otherwise its weight.
    """

    def decode(self, codes: ArrayLike) -> Floats:
        """A share or weight for each term, ``(N, T)``, from codes ``(N, K)``."""
        return self._rows(self._codes(codes), self.stack.decode, len(self.terms))

    def reconstruct(self, examples: Sequence[str]) -> Floats:
        """A share or weight for each term, ``(N, T)``, as it comes back from the code."""
        return self._rows(self.batches(examples), self.stack, len(self.terms))

    @torch.inference_mode()
    def score(self, examples: Sequence[str], y: object = None) -> float:
        """Minus the mean cross-entropy in nats; minus the squared error without softmax outputs."""
        rows, total = self._some(examples), 0.0
        for _, x in self._tensors(rows):
            total += float(self._error(x)) * len(x)
        return -total / len(rows)

    def likeliest(self, reconstructions: Floats, count: int = 10) -> list[list[tuple[str, float]]]:
        """The ``count`` greatest terms of each reconstruction ``(N, T)``, with their numbers."""
        order = np.argsort(-reconstructions, axis=1, kind="stable")[:, :count]
        return [
            [(self.terms[place], float(row[place])) for place in places]
            for row, places in zip(reconstructions, order, strict=True)
        ]

    def _error(self, x: Tensor) -> Tensor:
        target = self.stack.restore(self.stack.target(x))
        loss = multinomial if self.stack.output is softmax else squared_error
        return loss(self.stack.trace(x).logits, target, self.stack.restored)
