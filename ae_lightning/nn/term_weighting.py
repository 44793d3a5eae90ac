"""Term weightings of bags of words, those of the vector-space model.

Legend: ``counts`` (documents, terms) how often each term occurs, ``idf`` (terms,) the inverse
document frequencies of the training documents. Each returns ``(documents, terms)``, 0 where the
count is 0 (Manning, Raghavan & Schütze 2008, section 6.2 to 6.4).
"""

from collections.abc import Callable
from typing import Annotated

import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor
from torch.nn import functional as F

from ae_lightning.config.layers import WeightsName
from ae_lightning.data.text.bag_of_words import Counts
from ae_lightning.nn.activations import Activation, softmax, unit
from ae_lightning.nn.input_transform import InputTransform
from ae_lightning.registry import NamedBy

CHUNK = 2000


def binary(counts: Tensor, idf: Tensor) -> Tensor:
    """1 for each term that occurs."""
    return (counts > 0).to(counts.dtype)


def occurrences(counts: Tensor, idf: Tensor) -> Tensor:
    """The counts themselves."""
    return counts


def log_counts(counts: Tensor, idf: Tensor) -> Tensor:
    """``1 + ln count``."""
    return (counts.clamp(min=1).log() + 1) * (counts > 0)


def tfidf(counts: Tensor, idf: Tensor) -> Tensor:
    """``(1 + ln count) idf``: a term says the more the fewer documents have it."""
    return log_counts(counts, idf) * idf


WEIGHTS: Annotated[
    dict[str, Callable[[Tensor, Tensor], Tensor]],
    NamedBy(values=("weights",), always=("binary", "tfidf")),
] = {
    "binary": binary,
    "counts": occurrences,
    "log-counts": log_counts,
    "tfidf": tfidf,
}


def to_shares(x: Tensor) -> Tensor:
    """Rows of ``x`` (batch, features) as distributions, which sum to 1; rows of 0 stay."""
    return F.normalize(x, p=1, dim=1)


class Weighting(InputTransform):
    """Counts to weighted documents: the input transform of every net on documents."""

    idf: Tensor

    def __init__(self, name: WeightsName, idf: Tensor) -> None:
        super().__init__()
        self.name = name
        self.register_buffer("idf", idf)

    @property
    def units(self) -> int:
        """Number of terms."""
        return len(self.idf)

    def weigh(self, counts: Tensor) -> Tensor:
        """Weights ``(batch, terms)`` of counts ``(batch, terms)``."""
        return WEIGHTS[self.name](counts, self.idf)

    def forward(self, counts: Tensor) -> Tensor:
        """The first layer's inputs ``(batch, terms)``: weights of one length for all documents."""
        return unit(self.weigh(counts))

    def target(self, x: Tensor, output: Activation) -> Tensor:
        """Target of counts ``(batch, terms)``: shares for softmax outputs, weights for sigmoid."""
        if output is softmax:
            return to_shares(self.weigh(x))
        return self.weigh(x) if output is torch.sigmoid else self(x)


@torch.inference_mode()
def kept_sparse(function: Callable[[Tensor], Tensor], counts: Counts) -> csr_array:
    """``function`` of all ``counts`` (documents, terms), dense only a chunk at a time.

    It takes and returns ``(batch, terms)``; zeros should stay zeros.
    """
    starts = range(0, len(counts), CHUNK)
    chunks = (torch.from_numpy(counts[start : start + CHUNK]) for start in starts)
    return csr_array(vstack([csr_array(function(c).numpy()) for c in chunks], format="csr"))
