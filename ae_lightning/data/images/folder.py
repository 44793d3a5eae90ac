"""Image files of a folder: listing, classes, splits."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.images.decode import SUFFIXES
from ae_lightning.errors import UserError

PARTS = ("train", "test")
Rows = NDArray[np.int64]
"""Numbers of images, counted from 0 in the order of their files."""


@dataclass(frozen=True)
class Listing:
    """Image files below a folder, sorted, by their paths in it.

    ``labels`` (files,) are numbers of ``classes``, all 0 without classes. ``parts`` are the rows
    below the subfolders train and test, None if there are no such subfolders.
    """

    files: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    parts: dict[str, Rows] | None


def list_images(folder: Path) -> Listing:
    """List the images in and below ``folder``; hidden files and folders are passed over.

    Raises:
        UserError: it is absent or no folder, holds no images, has some outside of the parts or
            classes in which others are.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise UserError(f"{folder}: must be a folder of images, found {found}; correct the path")
    files = picture_files(folder)
    if not files:
        raise UserError(f"{folder}: holds no images (such as .png, .jpg, .tif); put some there")
    parts = _parts(folder, files) if all((folder / part).is_dir() for part in PARTS) else None
    names = [_class(file, parts is not None) for file in files]
    unlabelled = [file for file, name in zip(files, names, strict=True) if not name]
    if 0 < len(unlabelled) < len(files):
        labelled = next(file for file, name in zip(files, names, strict=True) if name)
        raise UserError(
            f"{folder}: all images must be in subfolders that are classes, or none; found "
            f"{labelled} and {unlabelled[0]}; move or remove the odd ones"
        )
    classes = sorted(set(names) - {""})
    places = {name: place for place, name in enumerate(classes or [""])}
    labels = np.array([places[name] for name in names], dtype=np.int64)
    return Listing(files, labels, classes, parts)


def picture_files(folder: Path) -> list[str]:
    """Image files in and below ``folder`` by their suffix, sorted; hidden ones are passed over."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                found.append(Path(parent, name).relative_to(folder).as_posix())
    return sorted(found)


def _class(file: str, split: bool) -> str:
    """The name of the subfolder that is the class, empty without one."""
    folders = file.split("/")[split:-1]
    return folders[0] if folders else ""


def _parts(folder: Path, files: list[str]) -> dict[str, Rows]:
    above = [file.split("/", 1)[0] for file in files]
    if outside := [file for file, name in zip(files, above, strict=True) if name not in PARTS]:
        raise UserError(
            f"{folder}: beside the subfolders train and test there must be no images, found "
            f"{len(outside)}, such as {outside[0]}; move or remove them"
        )
    return {part: np.flatnonzero([name == part for name in above]) for part in PARTS}


def split_rows(dataset: ImageFolder, listing: Listing, where: str) -> dict[str, Rows]:
    """Rows of each split in the order drawn; ``where`` the dataset stands in params.yaml.

    Raises:
        UserError: nothing would be left to train on or to test.
    """
    random = np.random.default_rng(dataset.seed)
    if listing.parts:
        train, test = (random.permutation(listing.parts[part]) for part in PARTS)
        rule = f"{dataset.path}: the subfolders must hold images to train on and to test"
    else:
        order = random.permutation(len(listing.files))
        tested = round(len(order) * dataset.test)
        train, test = order[tested:], order[:tested]
        rule = f"{where}.test: {dataset.test} must leave images to train on and to test"
    if not len(train) or not len(test):
        raise UserError(f"{rule}, found {len(train)} and {len(test)}; add images")
    held = dataset.validation
    if held >= len(train):
        raise UserError(
            f"{where}.validation: must leave images to train on, "
            f"found {held} of {len(train)}; make it smaller"
        )
    rows = {"train": train[:-held], "validation": train[-held:], "test": test}
    return {split: drawn[: dataset.limit] for split, drawn in rows.items()}
