"""Preparation of image files as arrays: read in parallel, written one after another."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.file_tree import printable
from ae_lightning.data.images.decode import read_pictures
from ae_lightning.data.images.folder import Listing, Rows, list_images, split_rows
from ae_lightning.data.images.prepare_arrays import (
    Advance,
    label_type,
    progress,
    summary,
    write_meta,
)
from ae_lightning.data.npy_writer import rows_in_block, write_blocks
from ae_lightning.data.parallel import Map, workers
from ae_lightning.errors import UserError
from ae_lightning.files import csv_table

FILES = 64  # at most, that a process reads at a time


def write_folder(
    name: str, dataset: ImageFolder, folder: Path, processes: int | None = None
) -> None:
    """Write ``{split}_inputs.npy``, ``_labels.npy`` (if any), ``_files.jsonl`` and ``meta.json``.

    ``processes`` (as many as there are cores) read the images, which changes no byte. Those that
    cannot be read are left out, listed in ``skipped.csv`` and counted.

    Raises:
        UserError: there are no images, some are outside of the classes, nothing would be left to
            train on or to test, or no image of a split can be read.
    """
    listing = list_images(dataset.path)
    rows = split_rows(dataset, listing, f"params.yaml: datasets.{name}")
    count, step = sum(map(len, rows.values())), min(FILES, rows_in_block(dataset.shape))
    share = min(processes or os.cpu_count() or 1, -(-count // step))
    skipped = dict(listing.left_out)
    with workers(share) as map_, progress(name, count) as advance:
        for split, drawn in rows.items():
            files = [listing.files[row] for row in drawn]
            chunks = [files[first : first + step] for first in range(0, len(files), step)]
            images = _images(map_, dataset, chunks, skipped, advance)
            if not write_blocks(folder / f"{split}_inputs.npy", images, dataset.shape):
                raise _none_left(dataset.path, split, files[0], skipped)
            rows[split] = drawn[[file not in skipped for file in files]]
            _write_rows(folder, split, rows[split], listing)
    with csv_table(folder / "skipped.csv", ("file", "reason")) as add:
        for row in sorted(skipped.items()):
            add(row)
    counts = {split: len(read) for split, read in rows.items()}
    meta = {"kind": dataset.kind, "shape": dataset.shape, "classes": listing.classes}
    write_meta(folder, meta | {"images": counts, "skipped": len(skipped)})
    print(f"{summary(name, counts, listing.classes)}; {len(skipped):,} unreadable (skipped.csv)")


def _images(
    map_: Map,
    dataset: ImageFolder,
    chunks: Sequence[Sequence[str]],
    skipped: dict[str, str],
    advance: Advance,
) -> Iterator[NDArray[np.uint8]]:
    """Images of each chunk; files that cannot be read are added to ``skipped``."""
    read = partial(read_pictures, dataset.path, dataset.shape)
    for chunk, (images, problems) in zip(chunks, map_(read, chunks), strict=True):
        skipped.update(problems)
        advance(len(chunk))
        yield images


def _none_left(path: Path, split: str, file: str, skipped: Mapping[str, str]) -> UserError:
    return UserError(
        f"{path}: no image of the {split} part can be read; the first is {printable(file)}, which "
        f"{skipped[file]}; put readable ones there"
    )


def _write_rows(folder: Path, split: str, rows: Rows, listing: Listing) -> None:
    """The label and, as a line of JSON, the file of each image."""
    if listing.classes:
        labels, dtype = listing.labels[rows], label_type(listing.classes)
        write_blocks(folder / f"{split}_labels.npy", [labels], (), dtype)
    with (folder / f"{split}_files.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(listing.files[row]) + "\n" for row in rows)
