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

    ``labels`` are empty without labels; ``texts`` encodes new texts.
    """

    stack: Stack
    corpus: Corpus
    codes: dict[str, NDArray[Any]]
    labels: dict[str, NDArray[Any]]
    reconstruction: Callable[[str], dict[str, float]]
    texts: Callable[[Sequence[str]], NDArray[Any]]

    @classmethod
    def of(cls, stack: Stack, data: PreparedDataset, environment: Environment) -> "Collection":
        """Compute the codes of every split."""
        corpus, evaluator = Corpus(data), Evaluator(stack, environment)
        inputs = partial(corpus.inputs, sequences=stack.takes_sequences)
        inputs_of = partial(corpus.inputs_of, sequences=stack.takes_sequences)
        return cls(
            stack,
            corpus,
            {split: evaluator.codes(inputs(split)) for split in SPLITS},
            {split: data.labels(split) for split in SPLITS if data.classes},
            lambda split: evaluator.reconstruction(inputs(split)),
            lambda texts: evaluator.codes(inputs_of(texts)),
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
