"""Prepared arrays on disk: ``{train,validation,test}_{inputs,labels}.npy`` and ``meta.json``.

Documents have their word counts in ``*_inputs.npz`` and one column of labels per class. Unlabelled
data have no ``*_labels.npy``; images of a folder have their files' names in ``*_files.jsonl``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, load_npz

from ae_lightning.data.text.bag_of_words import Counts
from ae_lightning.errors import UserError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared dataset; its arrays are memory-mapped, so opening it costs nothing.

    ``kind`` is the dataset's, ``shape`` an example's, ``classes`` are the label names (empty
    without labels).
    """

    folder: Path
    kind: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "PreparedDataset":
        """Open what ``ae prepare`` wrote.

        Raises:
            UserError: if the folder is absent or incomplete.
        """
        try:
            meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError) as error:
            raise UserError(
                f"{folder}: no prepared data here ({type(error).__name__}); "
                f"run: dvc repro prepare@{folder.name}"
            ) from error
        return cls(folder, meta["kind"], tuple(meta["shape"]), tuple(meta["classes"]))

    @property
    def of_documents(self) -> bool:
        """Whether examples are documents; images otherwise."""
        return self.kind == "documents"

    @property
    def examples(self) -> str:
        """Word for the examples: documents or images."""
        return "documents" if self.of_documents else "images"

    @property
    def features(self) -> int:
        """Numbers in one example."""
        return int(np.prod(self.shape))

    @property
    def labelled(self) -> bool:
        """Whether there are labels."""
        return bool(self.classes)

    def inputs(self, split: str) -> Any:
        """Images of ``split``, ``(examples, *shape)`` uint8 in [0, 255], memory-mapped.

        Of documents their :class:`Counts`.
        """
        return self.counts(split) if self.of_documents else self.array(f"{split}_inputs.npy")

    def labels(self, split: str) -> NDArray[Any]:
        """Class numbers of ``split``, ``(examples,)`` unsigned, memory-mapped.

        Of documents, which may have several labels or none, ``(documents, classes)`` bool.

        Raises:
            UserError: if the data are unlabelled.
        """
        if not self.labelled:
            raise UserError(
                f"{self.folder}: labels are needed here, found none; label the data (a subfolder "
                "for each class, or a file of labels) and prepare them again"
            )
        return self.array(f"{split}_labels.npy")

    def files(self, split: str) -> list[str]:
        """Which file each image of ``split`` is of, below the dataset's ``path``.

        Empty for what was an array already.
        """
        path = self.folder / f"{split}_files.jsonl"
        if self.kind != "folder":
            return []
        lines: list[str] = self._read(path.name, lambda path: path.read_text("utf-8").splitlines())
        return [json.loads(line) for line in lines]

    def counts(self, split: str) -> Counts:
        """Word counts of a split of documents."""
        return Counts(csr_array(self._read(f"{split}_inputs.npz", load_npz)))

    def array(self, name: str) -> NDArray[Any]:
        """One of the folder's arrays, memory-mapped."""
        return self._read(name, partial(np.load, mmap_mode="r"))

    def _read(self, name: str, reader: Callable[[Path], Any]) -> Any:
        try:
            return reader(self.folder / name)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.folder / name}: cannot be read ({error}); "
                f"run: dvc repro --force prepare@{self.folder.name}"
            ) from error
