"""A query of ``ae search`` and its options."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ae_lightning.data.prepared import PreparedDataset


@dataclass(frozen=True)
class Query:
    """A search with a ``variant`` on ``data``: the command line's words and options."""

    variant: str
    data: PreparedDataset
    words: Sequence[str]
    file: Path | None
    count: int
    as_json: bool
    montage: Path | None
