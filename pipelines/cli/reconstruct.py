"""``ae reconstruct``: reconstructions as pictures, as a page of pairs, or as words."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ae_lightning.data.images.decode import SUFFIXES
from ae_lightning.errors import UserError
from ae_lightning.files import replaced_file, write_json
from ae_lightning.inference.documents import DocumentModel
from ae_lightning.inference.image_sheets import PAIRS, pairs
from ae_lightning.inference.images import ImageModel, as_bytes
from ae_lightning.inference.output_folder import output_folder
from pipelines.cli.batches import over
from pipelines.cli.code_files import WRITERS, check_ending
from pipelines.cli.request import Batch, Request
from pipelines.cli.terminal import cut, plain, show

WIDTH = 40
"""Columns of a terminal for a document's source."""

CAPTION = 13
"""Characters of a file's name that fit beneath an image."""

Row = dict[str, Any]


def reconstruct(asked: Request, output: Path | None, as_json: bool) -> None:
    """Write or print reconstructions of all inputs, in their order.

    Raises:
        UserError: there is nowhere to write to, the variant cannot be used, or an input cannot be
            read; then nothing is written.
    """
    model = asked.model()
    if isinstance(model, ImageModel):
        _images(asked, model, output, as_json)
    else:
        _texts(asked, model, output, as_json)


def _images(asked: Request, model: ImageModel, output: Path | None, as_json: bool) -> None:
    if output is None and not as_json:
        raise UserError("reconstruct: needs somewhere to write to; give -o pairs.png, or a folder")
    _check_folder(output)
    page = output is not None and output.suffix.lower() == ".png"
    folder: AbstractContextManager[Path | None] = nullcontext()
    if page:
        assert output
        check_ending(output, {".png": None})
    elif output:
        folder = output_folder(output)
    with folder as partial:
        images = ImageWriter(model, partial, PAIRS if page else 0)
        rows = [row for part in over(asked, model, "images", images.take) for row in part]
    if page:
        assert output
        with replaced_file(output) as file:
            images.page(rows).savefig(file, format="png")
    if as_json:
        show([json.dumps(rows)])
    else:
        mean = np.mean([row["sse"] for row in rows])
        show([f"{len(rows):,} images, mean squared error {mean:.3g} an image: {output}"])


def _check_folder(output: Path | None) -> None:
    """A picture of another format, or a file of numbers, is not meant to be a folder."""
    suffix = output.suffix.lower() if output else ""
    if suffix in (SUFFIXES - {".png"}) | WRITERS.keys() | {".json"}:
        raise UserError(f"{output}: must be a .png page of pairs or a folder; rename it")


class ImageWriter:
    """Reconstructs images, writes them into ``folder`` (if any) and keeps the first for a page."""

    def __init__(self, model: ImageModel, folder: Path | None, most: int) -> None:
        self.model, self.folder, self.most = model, folder, most
        self.kept: list[tuple[Any, Any]] = []
        self.used: set[str] = set()

    def take(self, batch: Batch) -> list[Row]:
        """A row for each image: its name, its squared error, and its file, if there is one."""
        originals = self.model.batches(batch.examples)[0 : len(batch.names)]
        back = self.model.reconstruct(batch.examples)
        errors = ((originals.reshape(back.shape) - back) ** 2).reshape(len(back), -1).sum(1)
        pairs = zip(as_bytes(originals.reshape(back.shape)), as_bytes(back), strict=True)
        rows: list[Row] = []
        for name, error, pair in zip(batch.names, errors.tolist(), pairs, strict=True):
            if len(self.kept) < self.most:
                self.kept.append(pair)
            rows.append({"input": name, "sse": error, **self._written(name, pair[1])})
        return rows

    def page(self, rows: Sequence[Row]) -> Figure:
        """The first pairs, with the name and the squared error of each."""
        originals, back = (np.stack(part) for part in zip(*self.kept, strict=True))
        lines = [[_end(plain(Path(row["input"]).name)), f"{row['sse']:.3g}"] for row in rows]
        left = f"the first {len(back)} of " if len(back) < len(rows) else ""
        title = f"{self.model.name}: {left}{len(rows):,} images, each with its squared error"
        return pairs(title, originals, back, lines[: len(back)])

    def _written(self, name: str, image: Any) -> dict[str, str]:
        if self.folder is None:
            return {}
        file = f"{self._unique(Path(name))}.png"
        Image.fromarray(image).save(self.folder / file)
        return {"file": file}

    def _unique(self, path: Path) -> str:
        """The name without its ending; of several alike, or of an array, with its number."""
        stem, _, number = path.name.partition(".npy:")
        name = first = f"{stem}-{number}" if number else path.stem
        count = 1
        while name in self.used:
            count += 1
            name = f"{first}-{count}"
        self.used.add(name)
        return name


def _texts(asked: Request, model: Any, output: Path | None, as_json: bool) -> None:
    if output:
        check_ending(output, {".json": None})

    def answers(batch: Batch) -> list[Row]:
        back = model.reconstruct(batch.examples)
        if isinstance(model, DocumentModel):
            back = [dict(words) for words in model.likeliest(back)]
        return [
            {"input": name, "reconstruction": answer}
            for name, answer in zip(batch.names, back, strict=True)
        ]

    rows = [row for part in over(asked, model, "documents", answers) for row in part]
    if output:
        write_json(rows, output)
    if as_json:
        show([json.dumps(rows)])
    else:
        show([f"{len(rows):,} documents: {output}"] if output else _table(rows))


def _end(name: str) -> str:
    """The end of a name, which has the number of an image in its array."""
    return name if len(name) <= CAPTION else f"…{name[1 - CAPTION :]}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        back = row["reconstruction"]
        words = back if isinstance(back, str) else _words(back)
        yield f"{cut(plain(row['input']), WIDTH)}: {words}"


def _words(shares: dict[str, float]) -> str:
    return ", ".join(f"{word} {share:.3f}" for word, share in shares.items())
