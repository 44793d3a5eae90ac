"""Image files of a folder: listing, classes, splits."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.file_tree import FileTree, file_tree, printable
from ae_lightning.data.images.decode import is_picture
from ae_lightning.errors import UserError

PART = re.compile(
    r"(seg[\W_])?((?P<train>train(ing)?)|(?P<validation>val(id(ation)?)?|dev)|(?P<test>test(ing)?))"
    r"[\W_\d]*(set|data|images?|imgs?)?[\W_\d]*",
    re.IGNORECASE,
)
"""Names of subfolders that are parts: train, Training, train_images, test_set, val2017."""
PARTS = ("train", "test")
Rows = NDArray[np.int64]
"""Numbers of images, counted from 0 in the order of their files."""


@dataclass(frozen=True)
class Listing:
    """Image files below a folder, sorted, by their paths in it.

    ``labels`` (files,) are numbers of ``classes``, all 0 without classes. ``parts`` are the rows
    of the training, test and, if there is one, validation part; None where subfolders are no parts.
    ``left_out`` is what cannot be taken, with the reason.
    """

    files: list[str]
    labels: NDArray[np.int64]
    classes: list[str]
    parts: dict[str, Rows] | None
    left_out: dict[str, str]


def list_images(folder: Path) -> Listing:
    """List the images in and below ``folder`` as :func:`file_tree` finds them.

    Raises:
        UserError: it is absent or no folder, holds no images, has some outside of the parts or
            classes in which others are, or parts that are not called train and test or not topmost.
    """
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise UserError(f"{folder}: must be a folder of images, found {found}; correct the path")
    tree = file_tree(folder)
    left_out = tree.left_out | tree.again
    files = _pictures(folder, tree)
    if not files:
        also = "".join(f"; {printable(name)} {why}" for name, why in sorted(left_out.items())[:1])
        raise UserError(
            f"{folder}: holds no images (such as .png, .jpg, .tif){also}; put some there"
        )
    parts = _parts(folder, tree, files)
    names = [_class(file, parts is not None) for file in files]
    unlabelled = [file for file, name in zip(files, names, strict=True) if not name]
    if 0 < len(unlabelled) < len(files):
        labelled = next(file for file, name in zip(files, names, strict=True) if name)
        raise UserError(
            f"{folder}: all images must be in subfolders that are classes, or none; found "
            f"{printable(labelled)} and {printable(unlabelled[0])}; move or remove the odd ones"
        )
    classes = sorted(set(names) - {""})
    if classes and all(map(_part, classes)):
        raise UserError(
            f"{folder}: parts must be subfolders train and test, and val if there is one, with the "
            f"classes in them; found {', '.join(map(printable, classes))} in the place of classes; "
            "rename or move them, or set path to the one that shall be split"
        )
    places = {name: place for place, name in enumerate(classes or [""])}
    labels = np.array([places[name] for name in names], dtype=np.int64)
    return Listing(files, labels, [*map(printable, classes)], parts, left_out)


def picture_files(folder: Path) -> list[str]:
    """Image files in and below ``folder``, sorted, and what should be one but cannot be read."""
    tree = file_tree(folder)
    return sorted([*_pictures(folder, tree), *tree.left_out])


def _pictures(folder: Path, tree: FileTree) -> list[str]:
    return [file for file in tree.files if is_picture(folder / file)]


def _class(file: str, split: bool) -> str:
    """The name of the subfolder that is the class, empty without one."""
    folders = file.split("/")[split:-1]
    return folders[0] if folders else ""


def _part(name: str) -> str | None:
    """The part that a subfolder's name says, None if it says none."""
    found = PART.fullmatch(name)
    return next(part for part, said in found.groupdict().items() if said) if found else None


def _parts(folder: Path, tree: FileTree, files: list[str]) -> dict[str, Rows] | None:
    """Rows by part if the topmost subfolders are parts, empty ones included.

    Parts in a class or around it are an error.
    """
    beside: dict[str, dict[str, str]] = defaultdict(dict)  # parts by the folder that holds them
    holding = {file.rpartition("/")[0] for file in files}
    holding |= {str(above) for path in holding for above in PurePosixPath(path).parents}
    for path in tree.folders:
        above, _, name = path.rpartition("/")
        if (part := _part(name)) and (path in holding or not above):
            beside[above].setdefault(part, printable(path))
    top = beside.pop("", {})
    for above, found in beside.items():
        if len(found) > 1:
            raise UserError(
                f"{folder}: parts must be the topmost subfolders, found "
                f"{' and '.join(found.values())}; move them up, or set path to "
                f"{folder / printable(above)}"
            )
    if len(top) < 2:
        return None
    if missing := [part for part in PARTS if part not in top]:
        raise UserError(
            f"{folder}: must have subfolders train and test, found {' and '.join(top.values())}; "
            f"add {missing[0]}, or rename {top['validation']} to {missing[0]}"
        )
    parts = np.array([_part(file.split("/")[0]) if "/" in file else None for file in files])
    if outside := [file for file, part in zip(files, parts, strict=True) if part is None]:
        raise UserError(
            f"{folder}: beside the subfolders {' and '.join(top.values())} there must be no "
            f"images, found {len(outside)}, such as {printable(outside[0])}; move or remove them"
        )
    rows = {part: np.flatnonzero(parts == part) for part in (*PARTS, "validation")}
    return {part: found for part, found in rows.items() if part in PARTS or len(found)}


def split_rows(dataset: ImageFolder, listing: Listing, where: str) -> dict[str, Rows]:
    """Rows of each split in the order drawn; ``where`` the dataset stands in params.yaml.

    Raises:
        UserError: nothing would be left to train on or to test.
    """
    random = np.random.default_rng(dataset.seed)
    if listing.parts:
        drawn = {part: random.permutation(rows) for part, rows in listing.parts.items()}
        train, test = (drawn[part] for part in PARTS)
        rule = f"{dataset.path}: the subfolders must hold images to train on and to test"
    else:
        order = random.permutation(len(listing.files))
        tested = round(len(order) * dataset.test)
        train, test, drawn = order[tested:], order[:tested], {}
        rule = f"{where}.test: {dataset.test} must leave images to train on and to test"
    if not len(train) or not len(test):
        raise UserError(f"{rule}, found {len(train)} and {len(test)}; add images")
    if "validation" in drawn:
        rows = {"train": train, "validation": drawn["validation"], "test": test}
    else:
        held = dataset.validation
        if held >= len(train):
            raise UserError(
                f"{where}.validation: must leave images to train on, "
                f"found {held} of {len(train)}; make it smaller"
            )
        rows = {"train": train[:-held], "validation": train[-held:], "test": test}
    return {split: numbers[: dataset.limit] for split, numbers in rows.items()}
