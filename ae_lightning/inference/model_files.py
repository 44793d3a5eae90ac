"""Checks of a model's files before anything is allocated by what they say.

A model may be a stranger's. So a file must be a regular one (a link may lead to it, as DVC's cache
makes them) of bounded size, and weights must have the shapes that ``model.json`` declares.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import nn

from ae_lightning.artifacts import PREPARED, checked_name, shortened, within
from ae_lightning.config.params import first_line
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import LAYERS, Classifier
from ae_lightning.nn.layers.base import Spec
from ae_lightning.nn.shapes import ShapesOnly, shapes_of
from ae_lightning.nn.stack import Stack

MOST_WEIGHTS = 4 << 30
"""Bytes of all weights of a model: a thousand million numbers."""

MOST_HEADER, MOST_JSON, MOST_VOCABULARY = 1 << 20, 16 << 20, 256 << 20
"""Bytes of a weights file's header, of model.json or meta.json, and of vocabulary.json."""

MOST_LAYERS, MOST_BLOCKS, DIGITS = 100, 100, 10
"""Layers of a model, blocks of a layer, and digits of a whole number in JSON."""

MOST_FEATURES = 1 << 28
"""Numbers in one example."""

BROKEN = (OSError, ValueError, TypeError, ArithmeticError, RuntimeError, SafetensorError)
FLOATS = ("F64", "F32", "F16", "BF16")
REASON = 200
"""Letters of a reason within an error."""

Shapes = Mapping[str, tuple[int, ...]]


class ClassifierFile(BaseModel):
    """What ``model.json`` of a classifier must have."""

    data: str
    classes: tuple[str, ...] = Field(min_length=1)
    best: str
    runs: dict[str, dict[str, Any]]


class Meta(BaseModel):
    """What ``meta.json`` of prepared data must have."""

    kind: str
    shape: tuple[Annotated[int, Field(gt=0)], ...] = Field(min_length=1)
    classes: tuple[str, ...]


class Vocabulary(BaseModel):
    """What ``vocabulary.json`` of prepared documents must have."""

    terms: tuple[str, ...]
    words: tuple[str, ...]
    stop_words: Literal["english"] | None


def read_model(folder: Path, stage: str) -> dict[str, Any]:
    """Content of a folder's ``model.json``, whose ``data`` is a name.

    Raises:
        UserError: it is no such file; ``stage`` would make it.
    """
    with _usable(folder, stage):
        content = _read_bounded_json(folder / "model.json")
        checked_name(content.get("data"), "model.json: data")
        return content


def open_prepared(artifacts: Path, name: str) -> PreparedDataset:
    """Prepared data ``name``, whose descriptions are what they should be.

    Raises:
        UserError: they are not, or absent.
    """
    folder = within(artifacts, PREPARED, name)
    if (folder / "meta.json").exists():
        with _usable(folder, f"--force prepare@{name}", "prepared data"):
            _check_prepared(folder)
    return PreparedDataset.open(folder)


def check_stack(folder: Path, stage: str) -> None:
    """Refuse a stack whose weights are not of the shapes that it declares.

    Raises:
        UserError: the first file that is not what it should be; ``stage`` would make it.
    """
    with _usable(folder, stage):
        _check_stack(folder)


def check_classifier(folder: Path, run: str | None, stage: str) -> None:
    """The same of a classifier and one of its runs, by default the best.

    Raises:
        UserError: see :func:`check_stack`.
    """
    with _usable(folder, stage, "classifier"):
        said = ClassifierFile.model_validate(_read_bounded_json(folder / "model.json"))
        stack = _check_stack(folder / LAYERS)
        name = f"{checked_name(run or said.best, 'run')}.safetensors"
        with ShapesOnly():
            declared = shapes_of(Classifier(stack, len(said.classes)))
        found = _stored(folder / name)
        wanted = {key: declared[key] for key in declared if key in found or "head" in key}
        _check_same(name, found, wanted)


def check_finite(module: nn.Module, folder: Path, stage: str) -> None:
    """Refuse weights that are not finite, of a training that diverged or a damaged file.

    Raises:
        UserError: the first tensor with such a number.
    """
    with _usable(folder, stage):
        for name, tensor in module.state_dict().items():
            if not torch.isfinite(tensor).all():
                raise ValueError(f"{name}: must be finite, found NaN or infinity")


def _read_bounded_json(path: Path, most: int = MOST_JSON) -> dict[str, Any]:
    """A JSON object from a regular file of at most ``most`` bytes.

    Raises:
        ValueError: it is none, or has a number that is too long or not finite.
        OSError, RecursionError: it cannot be read; it is nested too deeply.
    """
    _check_regular(path, most)
    content = json.loads(
        path.read_bytes().decode("utf-8"), parse_int=_whole_number, parse_constant=_whole_number
    )
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: must be a JSON object, found {type(content).__name__}")
    return content


def _whole_number(text: str) -> int:
    if len(text) > DIGITS or not text.lstrip("-").isdecimal():
        raise ValueError(f"a number must have at most {DIGITS} digits, found {shortened(text)}")
    return int(text)


@contextmanager
def _usable(folder: Path, stage: str, what: str = "model") -> Iterator[None]:
    """A block in which whatever is wrong with a folder's files is told in one line."""
    try:
        yield
    except ValidationError as error:
        raise _unusable(folder, stage, what, first_line(error)) from error
    except RecursionError as error:
        raise _unusable(folder, stage, what, "JSON that is nested too deeply") from error
    except BROKEN as error:
        raise _unusable(folder, stage, what, str(error)) from error


def _unusable(folder: Path, stage: str, what: str, why: str) -> UserError:
    short = " ".join(why.split())
    short = short if len(short) <= REASON else f"{short[:REASON]}..."
    return UserError(f"{folder}: no usable {what} here ({short}); run: dvc repro {stage}")


def _check_regular(path: Path, most: int) -> int:
    """The bytes of a file, which is one: no folder, pipe or device, and not larger than it may."""
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(f"{path.name}: must be a file, found {_kind(state.st_mode)}")
    if state.st_size > most:
        raise ValueError(f"{path.name}: must have at most {most:,} bytes, found {state.st_size:,}")
    return state.st_size


def _kind(mode: int) -> str:
    kinds = {"a folder": stat.S_ISDIR, "a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK}
    return next((name for name, is_kind in kinds.items() if is_kind(mode)), "a device")


def _check_stack(folder: Path) -> Stack:
    """The declared stack without storage; its files have these shapes."""
    content = _read_bounded_json(folder / "model.json")
    if not isinstance(layers := content.get("layers"), list) or len(layers) > MOST_LAYERS:
        raise ValueError(f"model.json: layers: must be a list of at most {MOST_LAYERS}")
    model = checkpoint.ModelFile.model_validate(content)
    for number, spec in enumerate(model.layers, start=1):
        _check_spec(number, spec)
    with ShapesOnly():
        stack = checkpoint.build(model.layers)
    declared = {
        f"layer-{number}.safetensors": shapes_of(layer)
        for number, layer in enumerate(stack.layers, start=1)
    }
    bytes_left = MOST_WEIGHTS
    for name, shapes in declared.items():
        bytes_left -= _check_regular(folder / name, bytes_left)
        _check_same(name, _stored(folder / name), shapes)
    _check_first(folder, model)
    return stack


def _check_spec(number: int, spec: Spec) -> None:
    if min(spec.inputs, spec.units) < 1:
        raise ValueError(
            f"model.json: layer {number}: inputs and units must be at least 1, found "
            f"{spec.inputs} and {spec.units}"
        )
    if getattr(spec, "blocks", 0) > MOST_BLOCKS:
        raise ValueError(f"model.json: layer {number}: blocks must be at most {MOST_BLOCKS}")


def _check_first(folder: Path, model: checkpoint.ModelFile) -> None:
    """The input transform's file: of documents a number a term, of images two square matrices."""
    if model.weights is None and not model.whitened:
        return
    vector, squares, name = (
        ("mean", ("matrix", "inverse"), checkpoint.WHITENING)
        if model.weights is None
        else ("idf", (), checkpoint.WEIGHTING)
    )
    found = _stored(folder / name)
    sizes = [spec.inputs for spec in model.layers[:1]] or [prod(found.get(vector, (0,)))]
    _check_same(name, found, {vector: (*sizes,)} | dict.fromkeys(squares, (*sizes, *sizes)))


def _stored(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a file, from its header alone."""
    _check_regular(path, MOST_WEIGHTS)
    with path.open("rb") as file:
        header = int.from_bytes(file.read(8), "little")
    if header > MOST_HEADER:
        raise ValueError(f"{path.name}: its header must have at most {MOST_HEADER:,} bytes")
    with safe_open(path, "numpy") as file:
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        for key, one in slices.items():
            if one.get_dtype() not in FLOATS:
                raise ValueError(f"{path.name}: {key}: must be floats, found {one.get_dtype()}")
        return {key: tuple(one.get_shape()) for key, one in slices.items()}


def _check_same(file: str, found: Shapes, declared: Shapes) -> None:
    for key in sorted({*found, *declared}):
        if found.get(key) != declared.get(key):
            must = _listed(declared.get(key))
            raise ValueError(
                f"{file}: {shortened(key)}: must be {must}, as model.json declares, found "
                f"{_listed(found.get(key))}"
            )


def _listed(shape: Sequence[int] | None) -> str:
    return "absent" if shape is None else shortened(tuple(shape))


def _check_prepared(folder: Path) -> None:
    meta = Meta.model_validate(_read_bounded_json(folder / "meta.json"))
    if prod(meta.shape) > MOST_FEATURES:
        raise ValueError(f"meta.json: shape: must be at most {MOST_FEATURES:,} numbers")
    if meta.kind == "documents":
        found = _read_bounded_json(folder / "vocabulary.json", MOST_VOCABULARY)
        terms = Vocabulary.model_validate(found).terms
        if meta.shape != (len(terms),):
            raise ValueError(
                f"meta.json: shape: must be the {len(terms):,} terms of vocabulary.json, found "
                f"{shortened(meta.shape)}"
            )
