"""Prepared arrays on disk: ``{train,validation,test}_{inputs,labels}.npy`` and ``meta.json``.

Documents have their word counts in ``*_inputs.npz`` and one column of labels per class. Unlabelled
data have no ``*_labels.npy``; images of a folder have their files' names in ``*_files.jsonl``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass
from scipy.sparse import csr_array, load_npz

from ae_lightning.data.text.bag_of_words import Counts
from ae_lightning.errors import UserError, reading
from ae_lightning.files import read_json

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class PreparedDataset:
    """A prepared dataset; its arrays are memory-mapped, so opening it costs nothing.

    ``kind`` is the dataset's, ``shape`` an example's, ``classes`` are the label names (empty
    without labels).
    """

    folder: Path
    kind: str
    shape: tuple[PositiveInt, ...]
    classes: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "PreparedDataset":
        """Open what ``ae prepare`` wrote.

        Raises:
            UserError: if the folder is absent or incomplete, or its ``meta.json`` is damaged.
        """
        remedy, what = f"run: dvc repro prepare@{folder.name}", "no prepared data here"
        with reading(folder, remedy, what):
            meta = read_json(folder / "meta.json", remedy, what)
            named = {name: meta[name] for name in ("kind", "shape", "classes")}
            return cls(folder=folder, **named)

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
        if self.of_documents:
            return self.counts(split)
        images = self.array(f"{split}_inputs.npy")
        found = images.dtype.name, images.shape[1:]
        self._check(f"{split}_inputs.npy", "images", ("uint8", self.shape), found)
        return images

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
        labels, classes = self.array(f"{split}_labels.npy"), len(self.classes)
        if self.of_documents:
            self._check(f"{split}_labels.npy", "a row of labels", (classes,), labels.shape[1:])
        else:
            count = len(self.inputs(split)), True
            found = len(labels), bool(np.all(labels < classes))
            self._check(f"{split}_labels.npy", "labels that meta.json names", count, found)
        return labels

    def files(self, split: str) -> list[str]:
        """Which file each image of ``split`` is of, below the dataset's ``path``.

        Empty for what was an array already.
        """
        path = self.folder / f"{split}_files.jsonl"
        if self.kind != "folder":
            return []
        with reading(path, self.remedy):
            return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def counts(self, split: str) -> Counts:
        """Word counts of a split of documents."""
        path = self.folder / f"{split}_inputs.npz"
        with reading(path, self.remedy):
            counts = csr_array(load_npz(path))
        self._check(path.name, "terms", self.features, counts.shape[1])
        return Counts(counts)

    def array(self, name: str) -> NDArray[Any]:
        """One of the folder's arrays, memory-mapped."""
        path = self.folder / name
        with reading(path, self.remedy):
            array: np.memmap[Any, Any] = np.load(path, mmap_mode="r")
            length = array.offset + array.nbytes
        self._check(name, "bytes", length, path.stat().st_size)
        return array

    @property
    def remedy(self) -> str:
        """What to do about a file that is damaged."""
        return f"run: dvc repro --force prepare@{self.folder.name}"

    def _check(self, name: str, what: str, must: Any, found: Any) -> None:
        if found != must:
            raise UserError(
                f"{self.folder / name}: {what}: must be {must}, found {found}; {self.remedy}"
            )
