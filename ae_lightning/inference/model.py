"""Inference with a trained variant: numpy or texts in and out, in scikit-learn's interface.

Legend: N examples, K numbers in a code.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from torch import Tensor

from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.inference.artifacts import ModelArtifacts
from ae_lightning.inference.checks import checked_codes
from ae_lightning.nn.stack import Stack

Examples = TypeVar("Examples", contravariant=True)
Answers = TypeVar("Answers", covariant=True)
Floats = NDArray[np.float32]


class Batches(Protocol):
    """Examples as a net takes them, computed lazily, a slice at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


class Model(TransformerMixin, BaseEstimator, ABC, Generic[Examples, Answers]):
    """A variant that :func:`ae_lightning.load` loaded; it is trained and does not change.

    What examples are, and what they are reconstructed as, depends on the variant: see
    :class:`~ae_lightning.inference.images.ImageModel`,
    :class:`~ae_lightning.inference.documents.DocumentModel` and
    :class:`~ae_lightning.inference.sequences.SequenceModel`. They pass in batches of ``batch``, so
    that memory does not grow with their number.

    For scikit-learn it is a transformer that is fitted already and has no parameters: ``transform``
    encodes, ``inverse_transform`` decodes, ``fit`` does nothing, a clone shares the net.
    """

    batch = 1000

    def __init__(self, trained: ModelArtifacts) -> None:
        self._trained = trained

    @property
    def name(self) -> str:
        """The variant's name."""
        return self._trained.name

    @property
    def stack(self) -> Stack:
        """The net itself, a torch module in evaluation mode."""
        return self._trained.stack

    @property
    def data(self) -> PreparedDataset:
        """The prepared dataset that it was trained on."""
        return self._trained.data

    @property
    def code_size(self) -> int:
        """K."""
        return self.stack.units or self.data.features

    def __repr__(self) -> str:  # type: ignore[override]
        return (
            f"<{type(self).__name__} {self.name!r} on {self.data.folder.name!r}, "
            f"{self.code_size} numbers>"
        )

    @abstractmethod
    def batches(self, examples: Examples) -> Batches:
        """New examples as the net takes them.

        Raises:
            UserError: they are not what the net was trained on; says which rule, and what it found.
        """

    @abstractmethod
    def prepared(self, split: str) -> Batches:
        """The prepared examples of ``train``, ``validation`` or ``test``, as the net takes them."""

    @abstractmethod
    def decode(self, codes: ArrayLike) -> Answers:
        """Reconstructions from codes ``(N, K)`` alone.

        Raises:
            UserError: the codes are of another size or not finite, or the net cannot decode a bare
                code (unpooling with switches).
        """

    @abstractmethod
    def reconstruct(self, examples: Examples) -> Answers:
        """Encode and decode again; unlike ``decode(encode(x))`` this hands on switches, too."""

    @abstractmethod
    def score(self, examples: Examples, y: object = None) -> float:
        """How well examples are reconstructed, the greater the better: minus the mean error.

        The error is that of ``metrics.json``: the squared error summed over an example
        (``reconstruction.sse``), or cross-entropy in nats (``reconstruction.cross_entropy``).
        """

    def encode(self, examples: Examples) -> Floats:
        """Codes ``(N, K)`` float32 of examples, in their order.

        Raises:
            UserError: see :meth:`batches`.
        """
        return self._rows(self.batches(examples), self.stack.encode, self.code_size)

    def fit(self, examples: Any = None, y: object = None) -> Self:
        """Return the model, which is trained already: so that a pipeline can hold it."""
        return self

    def transform(self, examples: Examples) -> Floats:
        """:meth:`encode`, by scikit-learn's name."""
        return self.encode(examples)

    def inverse_transform(self, codes: ArrayLike) -> Answers:
        """:meth:`decode`, by scikit-learn's name."""
        return self.decode(codes)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Names of a code's numbers ``(K,)``: the variant's and the place, as ``deep-30_0``."""
        return np.array([f"{self.name}_{place}" for place in range(self.code_size)], dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Nothing: what could be set was set before the training."""
        return {}

    def set_params(self, **params: Any) -> Self:
        """Return the model.

        Raises:
            UserError: there are any ``params``.
        """
        if params:
            raise UserError(
                f"{self.name}: a trained model has no parameters, found {', '.join(params)}; "
                "change params.yaml and train it again"
            )
        return self

    def __sklearn_clone__(self) -> Self:
        same = copy.copy(self)
        same.__dict__["_sklearn_output_config"] = dict(vars(self).get("_sklearn_output_config", {}))
        return same

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def _codes(self, codes: ArrayLike) -> Floats:
        return checked_codes(codes, self.code_size)

    def _some(self, examples: Examples) -> Batches:
        """Examples to be averaged over."""
        if not len(rows := self.batches(examples)):
            raise UserError("score: must have examples to average over, found none; give some")
        return rows

    def _tensors(self, rows: Batches) -> Iterator[tuple[slice, Tensor]]:
        for start in range(0, len(rows), self.batch):
            place = slice(start, min(start + self.batch, len(rows)))
            yield place, torch.from_numpy(np.require(rows[place], requirements=["C", "W"]))

    @torch.inference_mode()
    def _rows(self, rows: Batches, function: Callable[[Tensor], Tensor], width: int) -> Floats:
        """Outputs of ``function`` for all rows, ``(N, width)``."""
        found = np.empty((len(rows), width), dtype=np.float32)
        for place, batch in self._tensors(rows):
            found[place] = function(batch).float().numpy()
        return found
