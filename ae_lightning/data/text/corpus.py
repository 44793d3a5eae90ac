"""Prepared documents with their vocabulary, by which new texts are encoded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.bag_of_words import Counts, bags_of_texts
from ae_lightning.data.text.sequences import Sequences, sequences_of_texts
from ae_lightning.errors import reading
from ae_lightning.files import Fields, read_json


@dataclass(frozen=True)
class Corpus:
    """The documents of a prepared dataset and their vocabulary."""

    data: PreparedDataset

    @cached_property
    def vocabulary(self) -> dict[str, Any]:
        """``terms`` of the bag, ``words`` of the sequences and the ``stop_words`` left out."""
        return self._json("vocabulary.json")

    @cached_property
    def queries(self) -> dict[str, list[str]]:
        """Keyword queries with the labels that answer them."""
        queries: dict[str, list[str]] = self._json("meta.json")["queries"]
        return queries

    def records(self, split: str) -> list[dict[str, Any]]:
        """``id``, ``title``, ``date`` and ``labels`` of each document, in the order of its rows."""
        path = self.data.folder / f"{split}_documents.jsonl"
        with reading(path, self.data.remedy):
            return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]

    def sequences(self, split: str) -> Sequences:
        """Token sequences of a split."""
        tokens, offsets = (self.data.array(f"{split}_{name}.npy") for name in ("tokens", "offsets"))
        return Sequences(tokens, offsets)

    def counts_of(self, texts: Sequence[str]) -> Counts:
        """Bags of words of new texts."""
        return Counts(bags_of_texts(texts, self.vocabulary["terms"], self.vocabulary["stop_words"]))

    def sequences_of(self, texts: Sequence[str]) -> Sequences:
        """Token sequences of new texts."""
        rows = sequences_of_texts(texts, self.vocabulary["words"], self.vocabulary["stop_words"])
        return Sequences(rows.values, rows.offsets)

    def inputs(self, split: str, *, sequences: bool) -> LazyArray:
        """A split as token sequences or as bags of words."""
        return self.sequences(split) if sequences else self.data.counts(split)

    def inputs_of(self, texts: Sequence[str], *, sequences: bool) -> LazyArray:
        """New texts as token sequences or as bags of words."""
        return self.sequences_of(texts) if sequences else self.counts_of(texts)

    def _json(self, name: str) -> Fields:
        return read_json(self.data.folder / name, self.data.remedy)
