"""Text files, tables, folders and words themselves as batches of texts."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ae_lightning.config.datasets import Columns, Documents
from ae_lightning.config.params import load as load_params
from ae_lightning.data.text import readers
from ae_lightning.data.text.encoding import read_text
from ae_lightning.errors import UserError
from ae_lightning.inference.documents import TextModel
from pipelines.cli.request import TOGETHER, Batch, BatchStream, Request, or_skip, tell

Named = tuple[str, str]
"""Where a text came from, and the text."""


def texts(model: TextModel[Any], asked: Request) -> BatchStream:
    """The texts of the request: those of the inputs, then those given themselves.

    Raises:
        UserError: an input is absent.
    """
    there = [name for name in asked.inputs if Path(name).exists()]
    if absent := [name for name in asked.inputs if name not in there]:
        raise UserError(f"{absent[0]}: no such file or folder; correct it, or give words by --text")
    columns = _columns(model.data.folder.name)
    files = (_texts(Path(name), columns, asked) for name in there)
    given = ((f"--text:{place}", text) for place, text in enumerate(asked.texts))
    batches = _batches(model, asked, chain(chain.from_iterable(files), given))
    return BatchStream(batches, None if there else len(asked.texts), "documents")


def _texts(path: Path, columns: Columns, asked: Request) -> Iterator[Named]:
    if path.suffix.lower() != ".txt" or path.is_dir():
        for document in readers.read(path, columns, partial(_remark, asked)):
            yield f"{path}:{document.id}", document.text
        return
    try:
        text, encoding = read_text(path)
    except UserError as error:
        or_skip(asked, error)
        return
    for remark in readers.guesses(path, encoding):
        _remark(asked, remark)
    yield str(path), text


def _remark(asked: Request, remark: readers.Remark) -> None:
    said = f"{remark.place}: {remark.reason}"
    if remark.left_out:
        or_skip(asked, UserError(said))
    else:
        tell(said)


def _columns(dataset: str) -> Columns:
    """Columns of a document's id, title and text by params.yaml; others are not read."""
    params = Path("params.yaml")
    there = load_params(params).datasets.get(dataset) if params.exists() else None
    given = there.columns if isinstance(there, Documents) else Columns()
    wanted = given.model_fields_set & {"id", "title", "text"}
    return Columns(date=None, labels=None, **{name: getattr(given, name) for name in wanted})


def _batches(model: TextModel[Any], asked: Request, named: Iterator[Named]) -> Iterator[Batch]:
    while some := list(islice(named, TOGETHER)):
        troubles = model.troubles([text for _, text in some])
        for place, why in troubles.items():
            or_skip(asked, UserError(f"{some[place][0]}: {why}; leave it out"))
        kept = [named for place, named in enumerate(some) if place not in troubles]
        if kept:
            names, texts = zip(*kept, strict=True)
            yield Batch(list(names), list(texts))
