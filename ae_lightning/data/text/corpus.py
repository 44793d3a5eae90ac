"""Prepared documents with their vocabulary, by which new texts are encoded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ae_lightning.data.lazy_array import LazyArray
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.bag_of_words import Counts, bags_of_texts
from ae_lightning.data.text.sequences import Sequences, sequences_of_texts
from ae_lightning.errors import UserError


@dataclass(frozen=True)
class Corpus:
    """The documents of a prepared dataset and their vocabulary."""

    data: PreparedDataset

    @cached_property
    def vocabulary(self) -> dict[str, Any]:
        """``terms`` of the bag, ``words`` of the sequences and the ``stop_words`` left out."""
        vocabulary: dict[str, Any] = json.loads(self._text("vocabulary.json"))
        return vocabulary

    @cached_property
    def queries(self) -> dict[str, list[str]]:
        """Keyword queries with the labels that answer them."""
        queries: dict[str, list[str]] = json.loads(self._text("meta.json"))["queries"]
        return queries

    def records(self, split: str) -> list[dict[str, Any]]:
        """``id``, ``title``, ``date`` and ``labels`` of each document, in the order of its rows."""
        lines = self._text(f"{split}_documents.jsonl").split("\n")
        return [json.loads(line) for line in lines if line]

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

    def _text(self, name: str) -> str:
        path: Path = self.data.folder / name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); "
                f"run: dvc repro --force prepare@{self.data.folder.name}"
            ) from error
