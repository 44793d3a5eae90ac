"""What a person names on the command line, as batches of examples with a name for each."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config import load as load_params
from ae_lightning.data import documents
from ae_lightning.data.image_folder import picture_files
from ae_lightning.data.pictures import read_picture
from ae_lightning.datasets import Columns, Documents
from ae_lightning.errors import UserError
from ae_lightning.use.documents import TextModel
from ae_lightning.use.images import ImageModel
from ae_lightning.use.load import load
from ae_lightning.use.model import Model
from pipelines.paths import ARTIFACTS

TOGETHER = 256
"""Examples that are read, and then go through the net, at a time."""


@dataclass(frozen=True)
class Asked:
    """What a person asks of a ``variant``: ``inputs`` are paths, ``texts`` themselves.

    With ``skip`` what cannot be read is told and left out, otherwise it ends the command.
    """

    variant: str
    inputs: Sequence[str]
    texts: Sequence[str]
    skip: bool = False
    verify: bool = True

    def model(self) -> Model[Any, Any]:
        """The variant, loaded."""
        return load(self.variant, ARTIFACTS, verify=self.verify)


@dataclass(frozen=True)
class Batch:
    """Some examples as a model takes them, and where each came from."""

    names: list[str]
    examples: Any


@dataclass(frozen=True)
class Source:
    """Examples to be read: so many, if that is known, called ``unit``."""

    batches: Iterator[Batch]
    total: int | None
    unit: str


def source(model: Model[Any, Any], asked: Asked) -> Source:
    """Whatever is asked for, read as the model needs it.

    Raises:
        UserError: there is nothing to read, or it is not for this model.
    """
    if not asked.inputs and not asked.texts:
        raise UserError(f"{asked.variant}: found no input; {_needed(model)}")
    return _pictures(model, asked) if isinstance(model, ImageModel) else _documents(model, asked)


def _needed(model: Model[Any, Any]) -> str:
    if isinstance(model, ImageModel):
        return "give image files, folders of them or .npy arrays"
    return "give .txt, .jsonl or .csv files, folders of .txt, or --text"


def _tell(line: str) -> None:
    print(f"ae: {line}", file=sys.stderr)


def _or_skip(asked: Asked, error: UserError) -> None:
    if not asked.skip:
        raise UserError(f"{error} (--skip leaves it out)") from error
    _tell(str(error))


def _pictures(model: ImageModel, asked: Asked) -> Source:
    if asked.texts:
        raise UserError(f"--text: is for documents, and {model!r} is on images; give image files")
    files: list[Path] = []
    arrays: list[tuple[Path, NDArray[Any]]] = []
    for path in map(Path, asked.inputs):
        if path.suffix.lower() == ".npy" and path.is_file():
            arrays.append((path, _array(path)))
        else:
            files += _files(path)
    total = len(files) + sum(len(array) for _, array in arrays)
    batches = (_read(model, asked, files), _sliced(model, arrays))
    return Source((batch for part in batches for batch in part), total, "images")


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if names := picture_files(path):
        return [path / name for name in names]
    raise UserError(f"{path}: holds no images (such as .png, .jpg, .tif); put some there")


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"{path}: must be an array that numpy.save wrote, found {error}; write it again"
        ) from error
    if not array.shape:
        raise UserError(f"{path}: must hold several images, found a single number")
    return array


def _read(model: ImageModel, asked: Asked, files: Sequence[Path]) -> Iterator[Batch]:
    queue = iter(files)
    while some := list(islice(queue, TOGETHER)):
        names, images = [], []
        for path in some:
            try:
                images.append(read_picture(path, model.shape))
                names.append(str(path))
            except UserError as error:
                _or_skip(asked, error)
        if images:
            yield Batch(names, np.stack(images))


def _sliced(model: ImageModel, arrays: Sequence[tuple[Path, NDArray[Any]]]) -> Iterator[Batch]:
    for path, array in arrays:
        try:
            rows = model.batches(array)
            for start in range(0, len(rows), model.batch):
                some = rows[start : start + model.batch]
                yield Batch([f"{path}:{start + place}" for place in range(len(some))], some)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error


Named = tuple[str, str]
"""Where a text came from, and the text."""


def _documents(model: Any, asked: Asked) -> Source:
    assert isinstance(model, TextModel)
    there = [name for name in asked.inputs if Path(name).exists()]
    if absent := [name for name in asked.inputs if name not in there]:
        raise UserError(
            f"{absent[0]}: no such file or folder; {_needed(model)} (as in --text {absent[0]!r})"
        )
    columns = _columns(model.data.folder.name)
    files = (named for name in there for named in _texts(Path(name), columns, asked))
    texts = ((f"--text:{place}", text) for place, text in enumerate(asked.texts))
    batches = _batches(model, asked, (named for part in (files, texts) for named in part))
    return Source(batches, None if there else len(asked.texts), "documents")


def _texts(path: Path, columns: Columns, asked: Asked) -> Iterator[Named]:
    if path.suffix.lower() != ".txt" or path.is_dir():
        for document in documents.read(path, columns):
            yield f"{path}:{document.id}", document.text
        return
    try:
        yield str(path), "".join(line for _, line in documents.lines(path))
    except UserError as error:
        _or_skip(asked, error)


def _columns(dataset: str) -> Columns:
    """Where params.yaml says that a document's text is; labels are not asked for."""
    params = Path("params.yaml")
    there = load_params(params).datasets.get(dataset) if params.exists() else None
    given = there.columns if isinstance(there, Documents) else Columns()
    wanted = given.model_fields_set & {"id", "title", "text"}
    return Columns(**{name: getattr(given, name) for name in wanted})


def _batches(model: TextModel[Any], asked: Asked, named: Iterator[Named]) -> Iterator[Batch]:
    while some := list(islice(named, TOGETHER)):
        troubles = model.troubles([text for _, text in some])
        for place, why in troubles.items():
            _or_skip(asked, UserError(f"{some[place][0]}: {why}; leave it out"))
        kept = [named for place, named in enumerate(some) if place not in troubles]
        if kept:
            names, texts = zip(*kept, strict=True)
            yield Batch(list(names), list(texts))


Each = Callable[[Batch], Any]


def over(asked: Asked, model: Model[Any, Any], title: str, each: Each) -> list[Any]:
    """What ``each`` gives for every batch that is asked for, behind a progress bar.

    Raises:
        UserError: nothing could be read.
    """
    from pipelines.use.bars import bar

    read = source(model, asked)
    with bar(f"{asked.variant}: {title}", read.total, read.unit) as advance:
        found = []
        for batch in read.batches:
            found.append(each(batch))
            advance(len(batch.names))
    if not found:
        raise UserError(f"{asked.variant}: none of the inputs could be read; {_needed(model)}")
    return found
