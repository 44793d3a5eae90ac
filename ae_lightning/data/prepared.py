"""Prepared arrays on disk: ``{train,validation,test}_{inputs,labels}.npy`` and ``meta.json``."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ae_lightning.errors import UserError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset; its arrays are memory-mapped, so opening it costs nothing.

    ``shape`` is an example's, ``classes`` the label names (empty without labels).
    """

    folder: Path
    shape: tuple[int, ...]
    classes: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> "Prepared":
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
        return cls(folder, tuple(meta["shape"]), tuple(meta["classes"]))

    @property
    def features(self) -> int:
        """Numbers in one example."""
        return int(np.prod(self.shape))

    def inputs(self, split: str) -> NDArray[np.uint8]:
        """Examples of ``split``, ``(examples, *shape)`` uint8 in [0, 255], memory-mapped."""
        return self._array(f"{split}_inputs.npy")

    def labels(self, split: str) -> NDArray[np.uint8]:
        """Class numbers of ``split``, ``(examples,)`` uint8, memory-mapped."""
        return self._array(f"{split}_labels.npy")

    def _array(self, name: str) -> NDArray[np.uint8]:
        try:
            array: NDArray[np.uint8] = np.load(self.folder / name, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.folder / name}: cannot be read ({error}); "
                f"run: dvc repro --force prepare@{self.folder.name}"
            ) from error
        return array
