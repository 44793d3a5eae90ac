"""The documents of a dataset under one code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.nn.stack import Stack


@dataclass(frozen=True)
class Collection:
    """Documents under one code, computed once for scores and figures alike.

    ``labels`` are empty without labels, ``errors`` are those of reconstructing a split; ``texts``
    encodes new texts.
    """

    stack: Stack
    corpus: Corpus
    codes: dict[str, NDArray[Any]]
    labels: dict[str, NDArray[Any]]
    errors: dict[str, dict[str, float]]
    texts: Callable[[Sequence[str]], NDArray[Any]]

    @classmethod
    def of(
        cls,
        stack: Stack,
        data: PreparedDataset,
        environment: Environment,
        decoded: Sequence[str] = (),
    ) -> "Collection":
        """Compute the codes of every split and the errors of those that are ``decoded``.

        All processes take part.
        """
        corpus, evaluator = Corpus(data), Evaluator(stack, environment)
        alone = Evaluator(stack, environment.single())
        inputs = {split: corpus.inputs(split, sequences=stack.takes_sequences) for split in SPLITS}
        inputs_of = partial(corpus.inputs_of, sequences=stack.takes_sequences)
        return cls(
            stack,
            corpus,
            {split: evaluator.codes(array) for split, array in inputs.items()},
            {split: data.labels(split) for split in SPLITS if data.classes},
            {split: evaluator.reconstruction(inputs[split]) for split in decoded},
            lambda texts: alone.codes(inputs_of(texts)),
        )

    @property
    def distance(self) -> str:
        """Euclidean for codes of two numbers, which have hardly any angle, cosine for others."""
        return "euclidean" if self.stack.units == 2 else "cosine"

    def together(self, splits: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Codes and labels of several splits."""
        return (
            np.concatenate([self.codes[split] for split in splits]),
            np.concatenate([self.labels[split] for split in splits]),
        )
