"""Preparation of raw image arrays, in memory that does not grow with their number."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from ae_lightning.config.datasets import Images
from ae_lightning.data.images.arrays import ImageSplit, open_parts
from ae_lightning.data.npy_writer import write_blocks
from ae_lightning.errors import UserError

Advance = Callable[[int], None]


def write_arrays(name: str, dataset: Images, folder: Path) -> None:
    """Write ``{split}_inputs.npy``, ``{split}_labels.npy`` (if any) and ``meta.json``.

    Raises:
        UserError: the raw files are absent or broken, nothing would be left to train on, or
            ``classes`` does not name every label.
    """
    where = f"params.yaml: datasets.{name}"
    parts = open_parts(dataset)
    classes, spans = _classes(dataset, parts, where), _spans(dataset, parts, where)
    shape, counts = parts["train"].shape, {split: len(span) for split, (_, span) in spans.items()}
    with progress(name, sum(counts.values())) as advance:
        for split, (part, span) in spans.items():
            images = part.images.blocks(span.start, span.stop)
            write_blocks(folder / f"{split}_inputs.npy", _counted(images, advance), shape)
            if part.labels:
                labels = part.labels.blocks(span.start, span.stop)
                write_blocks(folder / f"{split}_labels.npy", labels, (), label_type(classes))
    write_meta(folder, {"kind": dataset.kind, "shape": shape, "classes": classes})
    print(summary(name, counts, classes))


def _classes(dataset: Images, parts: Mapping[str, ImageSplit], where: str) -> list[str]:
    labels = max(part.classes for part in parts.values())
    if not dataset.classes:
        return [str(label) for label in range(labels)]
    if not 0 < labels <= len(dataset.classes):
        found = f"{len(dataset.classes)} for labels up to {labels - 1}" if labels else "no labels"
        raise UserError(
            f"{where}.classes: must be a name for every label, found {found}; correct the list"
        )
    return list(dataset.classes)


def _spans(
    dataset: Images, parts: Mapping[str, ImageSplit], where: str
) -> dict[str, tuple[ImageSplit, range]]:
    """The rows of each split: the last ``validation`` training examples are set aside."""
    train, test, held = parts["train"], parts["test"], dataset.validation
    if held >= train.count:
        raise UserError(
            f"{where}.validation: must leave examples to train on, "
            f"found {held} of {train.count}; make it smaller"
        )
    rows = range(train.count)
    spans = {"train": (train, rows[:-held]), "validation": (train, rows[-held:])}
    spans["test"] = (test, range(test.count))
    return {split: (part, span[: dataset.limit]) for split, (part, span) in spans.items()}


def _counted(blocks: Iterator[NDArray[Any]], advance: Advance) -> Iterator[NDArray[Any]]:
    for block in blocks:
        yield block
        advance(len(block))


def label_type(classes: Sequence[str]) -> np.dtype[Any]:
    """The smallest unsigned type for numbers of these classes."""
    return np.min_scalar_type(max(len(classes) - 1, 0))


@contextmanager
def progress(name: str, images: int) -> Iterator[Advance]:
    """A progress bar on stderr, if that is a terminal; yields the function that advances it."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("images"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(name, total=images)
        yield lambda count: bar.advance(task, count)


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Write ``meta.json``, which :class:`ae_lightning.data.prepared.PreparedDataset` reads."""
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def summary(name: str, counts: Mapping[str, int], classes: Sequence[str]) -> str:
    """One line on a prepared dataset: examples by split, classes."""
    splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    labels = f"{len(classes):,} classes" if classes else "no labels"
    return f"{name}: {sum(counts.values()):,} images: {splits}; {labels}"
