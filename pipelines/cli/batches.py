"""Inputs of a command, read and processed a batch at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

from ae_lightning.errors import UserError
from ae_lightning.inference.documents import TextModel
from ae_lightning.inference.images import ImageModel
from ae_lightning.inference.model import Model
from pipelines.cli.image_inputs import pictures
from pipelines.cli.progress import bar
from pipelines.cli.request import Batch, BatchStream, Request
from pipelines.cli.text_inputs import texts

ResultT = TypeVar("ResultT")


def over(
    asked: Request, model: Model[Any, Any], title: str, each: Callable[[Batch], ResultT]
) -> list[ResultT]:
    """Results of ``each`` for every batch of the inputs, with a progress bar.

    Raises:
        UserError: nothing could be read.
    """
    read = source(model, asked)
    with bar(f"{asked.variant}: {title}", read.total, read.unit) as advance:
        found = []
        for batch in read.batches:
            found.append(each(batch))
            advance(len(batch.names))
    if not found:
        raise UserError(f"{asked.variant}: none of the inputs could be read; {_needed(model)}")
    return found


def source(model: Model[Any, Any], asked: Request) -> BatchStream:
    """Batches of the inputs, read as the model needs them.

    Raises:
        UserError: there is nothing to read, or it is not for this model.
    """
    if not asked.inputs and not asked.texts:
        raise UserError(f"{asked.variant}: found no input; {_needed(model)}")
    if isinstance(model, ImageModel):
        return pictures(model, asked)
    assert isinstance(model, TextModel)
    return texts(model, asked)


def _needed(model: Model[Any, Any]) -> str:
    if isinstance(model, ImageModel):
        return "give image files, folders of them or .npy arrays"
    return "give .txt, .jsonl, .csv or .tsv files, folders of .txt, or --text"
