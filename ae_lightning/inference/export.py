"""Encoder and decoder as ONNX, each checked in onnxruntime before it is kept.

Examples are float32 ``(batch, features)`` in [0, 1] for images, counts of terms ``(batch, terms)``
for documents, ids of words ``(batch, length)`` int64 for sequences; codes are ``(batch, code)``.
The batch, and a sequence's length, are free.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ae_lightning.errors import UserError
from ae_lightning.files import write_json
from ae_lightning.inference.documents import TextModel
from ae_lightning.inference.model import Model
from ae_lightning.inference.onnx_check import Difference, compare
from ae_lightning.inference.onnx_fusion import fuse
from ae_lightning.inference.output_folder import output_folder
from ae_lightning.nn.layers.conv import ConvSpec
from ae_lightning.nn.stack import Stack

PARTS: Mapping[str, Callable[[Stack, Tensor], Tensor]] = {
    "encoder": Stack.encode,
    "decoder": Stack.decode,
}
"""Exported parts, each in a file of its own."""

VOCABULARY = "vocabulary.json"
Advance = Callable[[int], Any]


@dataclass(frozen=True)
class ExportResult:
    """A part, the ``file`` it is in and how far that is from torch; or the ``reason`` for none."""

    part: str
    file: str | None = None
    difference: Difference | None = None
    reason: str | None = None


class StackPart(nn.Module):
    """A part of a stack as a module of its own, which exporting asks for."""

    def __init__(self, name: str, stack: Stack) -> None:
        super().__init__()
        self.stack, self._function = fuse(stack), PARTS[name]

    def forward(self, x: Tensor) -> Tensor:
        """Examples to codes, or codes to reconstructions."""
        return self._function(self.stack, x)


def export(
    model: Model[Any, Any], folder: Path, split: str = "test", advance: Advance = lambda count: None
) -> list[ExportResult]:
    """Write ``encoder.onnx``, ``decoder.onnx`` and ``export.json`` into ``folder``.

    Both are compared with torch on all prepared examples of ``split``; ``advance`` is told how many
    more are done. Documents have their ``vocabulary.json`` beside them. What cannot be exported
    has a reason instead of a file.

    Raises:
        ModuleNotFoundError: the extra ``export`` is not installed.
        UserError: nothing can be exported.
    """
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import onnxscript  # noqa: F401

    with output_folder(folder) as partial:
        found = [_exported(part, model, partial, split, advance) for part in PARTS]
        if not any(part.file for part in found):
            raise UserError(f"{model.name}: {'; '.join(f'{p.part}: {p.reason}' for p in found)}")
        if isinstance(model, TextModel):
            write_json(model.corpus.vocabulary, partial / VOCABULARY)
        write_json(_about(model, split, found), partial / "export.json")
        written = {path.name for path in partial.iterdir()}
    for stale in {VOCABULARY, *(f"{part}.onnx" for part in PARTS)} - written:
        (folder / stale).unlink(missing_ok=True)  # of an earlier export
    return found


def obstacle(stack: Stack, part: str) -> str | None:
    """Why a part cannot stand alone; None if it can."""
    if part == "encoder":
        return None
    if stack.takes_sequences:
        return "each word is chosen from those before it, which is no function of the code alone"
    if any(isinstance(spec, ConvSpec) and spec.position_bits for spec in stack.specs):
        return "unpooling with switches needs the positions of the maxima, which no code has"
    return None


def _exported(
    part: str, model: Model[Any, Any], folder: Path, split: str, advance: Advance
) -> ExportResult:
    if reason := obstacle(model.stack, part):
        return ExportResult(part, reason=reason)
    path = folder / f"{part}.onnx"
    try:
        with _quiet():
            _write(StackPart(part, model.stack).eval(), _example(model, part), path)
        difference = compare(path, model, part, split, advance)
    except (torch.onnx.OnnxExporterError, UserError) as error:
        path.unlink(missing_ok=True)
        return ExportResult(part, reason=str(error).split("\n", 1)[0])
    return ExportResult(part, path.name, difference)


def _write(module: StackPart, example: Tensor, path: Path) -> None:
    free = {place: torch.export.Dim(name) for place, name in _free(example).items()}
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        dynamic_shapes=(free,),
        input_names=["input"],
        output_names=["output"],
        verbose=False,
    )
    assert program is not None
    program.save(path)


def _example(model: Model[Any, Any], part: str) -> Tensor:
    """Dummy input: only its type and shape matter."""
    if part == "encoder" and model.stack.takes_sequences:
        return torch.full((2, 7), 3)
    width = model.code_size if part == "decoder" else _features(model)
    return torch.full((2, width), 0.5)


def _features(model: Model[Any, Any]) -> int:
    return int(model.prepared("test")[0:1].shape[1])


def _free(example: Tensor) -> dict[int, str]:
    return {0: "batch", 1: "length"} if example.dtype == torch.int64 else {0: "batch"}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' warnings, which need no action."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _about(model: Model[Any, Any], split: str, found: list[ExportResult]) -> dict[str, Any]:
    return {
        "variant": model.name,
        "data": model.data.folder.name,
        "shape": list(model.data.shape),
        "code": model.code_size,
        "compared_on": split,
        "parts": [asdict(part) for part in found],
        "made_with": {
            name: version(name) for name in ("torch", "onnx", "onnxscript", "onnxruntime")
        },
    }
