"""All documents of a variant and their codes, checked together.

Legend: D documents, K code size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import FIRST_WORD
from ae_lightning.inference.artifacts import ModelArtifacts, open_variant, saved_codes, stale
from ae_lightning.nn.stack import Stack
from ae_lightning.nn.term_weighting import kept_sparse

Codes = NDArray[np.float32] | csr_array


@dataclass(frozen=True)
class EncodedDocuments:
    """All documents of a dataset, and the net that made their ``codes`` (D, K).

    ``records`` are theirs in the same order, each with its ``split``.
    """

    stack: Stack
    corpus: Corpus
    codes: Codes
    records: list[dict[str, Any]]


def open_documents(name: str, artifacts: Path) -> EncodedDocuments:
    """Load the documents of variant ``name`` and their codes.

    Raises:
        UserError: there is no such variant, it is not on documents, it was not evaluated, or its
            parts do not fit together.
    """
    trained = open_variant(name, artifacts, "documents")
    corpus = Corpus(trained.data)
    _check_vocabulary(trained, corpus)
    records = {split: corpus.records(split) for split in SPLITS}
    codes = _codes(trained, {split: len(records[split]) for split in SPLITS})
    rows = [record | {"split": split} for split in SPLITS for record in records[split]]
    return EncodedDocuments(trained.stack, corpus, codes, rows)


def _codes(trained: ModelArtifacts, sizes: Mapping[str, int]) -> Codes:
    if not trained.stack.layers:
        return weighted_words(trained.stack, trained.data)
    codes = saved_codes(trained.codes, sizes, trained.stack.units, examples="documents")
    return np.concatenate([codes[split] for split in SPLITS])


def weighted_words(stack: Stack, data: PreparedDataset) -> csr_array:
    """Codes ``(D, terms)`` of a stack without layers, kept as sparse as the words are."""
    splits = [kept_sparse(stack.encode, data.counts(split)) for split in SPLITS]
    return csr_array(vstack(splits, format="csr"))


def _check_vocabulary(trained: ModelArtifacts, corpus: Corpus) -> None:
    stack = trained.stack
    words = FIRST_WORD + len(corpus.vocabulary["words"])
    there = words if stack.takes_sequences else corpus.data.features
    takes = stack.layers[0].spec.inputs if stack.layers else stack.units
    if takes != there:
        raise stale(trained, f"the {there:,} terms", f"{takes:,}")
