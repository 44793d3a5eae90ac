"""A model of documents as sequences of words, encoded and decoded in order."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ae_lightning.data.text.tokenize import END, FIRST_WORD
from ae_lightning.inference.documents import TextModel
from ae_lightning.nn.layers.sequence import SequenceLayer, log_likelihood, with_end

LIMIT = 100
"""Words after which a text that has not ended is cut off."""


class SequenceModel(TextModel[list[str]]):
    """Documents are a list of texts; their words, and the order of these, make the code.

    Reconstructions are texts: the likeliest next word again and again, lower case, without stop
    words and punctuation, ``?`` for a word that is not in the vocabulary.
    """

    batch = 32  # each has a logit for every word at each of its places

    def decode(self, codes: ArrayLike, limit: int = LIMIT) -> list[str]:
        """Texts of at most ``limit`` words from codes ``(N, K)``."""
        texts: list[str] = []
        for _, code in self._tensors(self._codes(codes)):
            texts += [self._spelt(row) for row in self._layer.generate(code, limit).numpy()]
        return texts

    def reconstruct(self, examples: Sequence[str], limit: int = LIMIT) -> list[str]:
        """Texts of at most ``limit`` words, as they come back from their codes."""
        return self.decode(self.encode(examples), limit)

    @torch.inference_mode()
    def score(self, examples: Sequence[str], y: object = None) -> float:
        """Minus the mean cross-entropy of a word, ends included, given those before, in nats."""
        nats, words = 0.0, 0
        for _, tokens in self._tensors(self._some(examples)):
            nats += float(log_likelihood(self.stack.trace(tokens).logits, tokens).sum())
            words += int((with_end(tokens) != 0).sum())
        return nats / words

    @property
    def _layer(self) -> SequenceLayer:
        layer = self.stack.layers[0]
        assert isinstance(layer, SequenceLayer)
        return layer

    def _spelt(self, tokens: NDArray[np.int64]) -> str:
        ended = np.flatnonzero(tokens == END)
        words = tokens[: ended[0]] if len(ended) else tokens
        return " ".join(self.terms[t - FIRST_WORD] if t >= FIRST_WORD else "?" for t in words)
