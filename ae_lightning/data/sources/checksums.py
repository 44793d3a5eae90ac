"""Checksums of the raw data sets.

Separate from fetching, so that verification does not depend on it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ae_lightning.errors import UserError


@dataclass(frozen=True)
class Checksum:
    """Expected length in bytes and SHA-256 of a file."""

    size: int
    sha256: str

    def problem(self, path: Path) -> str | None:
        """The first mismatch of a file in words, or None."""
        try:
            size = path.stat().st_size
            if size != self.size:
                return f"has {size} bytes, expected {self.size}"
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"cannot be read ({error.strerror}), expected SHA-256 {self.sha256}"
        return None if found == self.sha256 else f"has SHA-256 {found}, expected {self.sha256}"


@dataclass(frozen=True)
class RawDataset:
    """The canonical files of a data set; its folder has the data set's name."""

    files: Mapping[str, Checksum]

    def problem(self, folder: Path) -> str | None:
        """The first mismatch of the first bad file in words, or None."""
        found = ((folder / file, pin.problem(folder / file)) for file, pin in self.files.items())
        return next((f"{path} {problem}" for path, problem in found if problem), None)

    def __str__(self) -> str:
        size = sum(pin.size for pin in self.files.values())
        count = f"{len(self.files)} file{'s' * (len(self.files) > 1)}"
        return f"{count}, {size / 1e6:.1f} MB, SHA-256 as pinned"


# MNIST's files are the publisher's own, the others are made by normalize.py.
DATASETS: dict[str, RawDataset] = {
    "mnist": RawDataset(
        {
            "train-images-idx3-ubyte": Checksum(
                47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
            ),
            "train-labels-idx1-ubyte": Checksum(
                60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
            ),
            "t10k-images-idx3-ubyte": Checksum(
                7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
            ),
            "t10k-labels-idx1-ubyte": Checksum(
                10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
            ),
        },
    ),
    "cifar10": RawDataset(
        {
            "train_images.npy": Checksum(
                153_600_128, "4a5241847d2fdc2d50a9ad6e386b47f26d121db6cb2e43b24e72190724314e48"
            ),
            "train_labels.npy": Checksum(
                50_128, "fad921ba16b0efeebb54393d1351545d1fe1a357f6f81324c821e3e11b956c70"
            ),
            "test_images.npy": Checksum(
                30_720_128, "b57763d00c64ed188c839aa488139ed34ece7a6ef2fcb6a770238c57a756a452"
            ),
            "test_labels.npy": Checksum(
                10_128, "19004b019bd095265b4ce6637c9ff979c66abcbc8e658a665f791b487cdea5eb"
            ),
        },
    ),
    "reuters": RawDataset(
        {
            "documents.jsonl": Checksum(
                19_369_890, "dc1ef9c0b22cf7223ea0854de795a72ab341d4ce34415edaff3de7e3172a4023"
            ),
        },
    ),
}


def dataset(name: str) -> RawDataset:
    """The table's row.

    Raises:
        UserError: there is no such row; names the nearest.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = get_close_matches(name, DATASETS, n=2) or list(DATASETS)
    raise UserError(f"data set {name!r} is unknown; did you mean {' or '.join(near)}?")


def verify(name: str, root: Path = Path("data")) -> None:
    """Check that a data set is complete and unaltered; MNIST takes 0.1 s.

    Raises:
        UserError: the name is unknown, or a file is missing, too short or altered.
    """
    problem = dataset(name).problem(root / name)
    if problem:
        raise UserError(f"{problem}; run `ae fetch {name}`")
