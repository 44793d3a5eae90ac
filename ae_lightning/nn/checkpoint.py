"""Stacks on disk: ``model.json`` and one ``layer-N.safetensors`` per layer, never a pickle.

The input transform is in a file of its own: inverse document frequencies in
``weighting.safetensors``, mean image and matrices in ``whitening.safetensors``.

A layer keeps its bytes when others are put on top of it, so that storage by content (DVC's cache)
holds each frozen layer once however many stacks stand on it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SerializeAsAny
from safetensors.torch import load_file, save_file
from torch import Tensor

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.config.layers import WeightsName
from ae_lightning.errors import reading
from ae_lightning.files import replaced
from ae_lightning.nn.input_transform import InputTransform
from ae_lightning.nn.layers.base import Spec
from ae_lightning.nn.shapes import ShapesOnly, shapes_of
from ae_lightning.nn.stack import LAYER_KINDS, Stack
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.nn.whitening import Whitening

WEIGHTING, WHITENING = "weighting.safetensors", "whitening.safetensors"


def _spec(content: Any) -> Spec:
    """A layer's spec as the class that belongs to its kind."""
    if isinstance(content, Spec):
        return content
    try:
        spec_class = LAYER_KINDS[content["kind"]].spec_class
    except (KeyError, TypeError) as error:
        raise ValueError("kind: must be that of a layer") from error
    return spec_class.model_validate(content)


AnySpec = Annotated[SerializeAsAny[Spec], BeforeValidator(_spec)]


class ModelFile(BaseModel):
    """Content of ``model.json``: the dataset's name and the layers from the data up.

    ``weights`` is the term weighting of documents before the first layer, ``whitened`` whether
    images are whitened there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    data: str
    layers: tuple[AnySpec, ...]
    weights: WeightsName | None = None
    whitened: Literal[True] | None = None


def build(specs: Sequence[Spec]) -> Stack:
    """A stack of new layers at random weights."""
    return Stack([LAYER_KINDS[spec.kind](spec) for spec in specs])


def save(stack: Stack, folder: Path, data: str) -> None:
    """Write ``stack`` into ``folder``, all of it or nothing.

    Raises:
        UserError: if it cannot be written, on a full disk say.
    """
    model = ModelFile(data=data, layers=tuple(stack.specs), **_step(stack.first))
    with replaced(folder) as partial:
        for number, layer in enumerate(stack.layers, start=1):
            tensors = {key: value.contiguous() for key, value in layer.state_dict().items()}
            save_file(tensors, partial / f"layer-{number}.safetensors")
        if stack.first is not None:
            name = WHITENING if model.whitened else WEIGHTING
            save_file(stack.first.state_dict(), partial / name)
        text = json.dumps(model.model_dump(exclude_none=True), indent=1)
        (partial / "model.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path) -> Stack:
    """Read the stack that :func:`save` wrote.

    Raises:
        UserError: if it is absent, or its files do not fit together.
    """
    with reading(folder, f"run: dvc repro {_stage(folder)}", "no usable model here"):
        model = ModelFile.model_validate_json((folder / "model.json").read_bytes())
        files = [f"layer-{number}.safetensors" for number in range(1, len(model.layers) + 1)]
        learned = {file: load_file(folder / file) for file in files}
        _check_shapes(model, learned)
        stack = Stack(build(model.layers).layers, _first(model, folder))
        for layer, tensors in zip(stack.layers, learned.values(), strict=True):
            layer.load_state_dict(tensors)
    return stack


def _check_shapes(model: ModelFile, learned: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Compare files with ``model`` before it is built: a wrong number could fill the memory."""
    with ShapesOnly():
        layers = build(model.layers).layers
    for layer, (file, tensors) in zip(layers, learned.items(), strict=True):
        for name, shape in shapes_of(layer).items():
            found = tuple(tensors[name].shape) if name in tensors else "none"
            if found != shape:
                raise ValueError(f"{file}: {name}: must be {shape}, found {found}")


def _step(first: InputTransform | None) -> dict[str, Any]:
    """Fields of ``model.json`` for the input transform."""
    if isinstance(first, Weighting):
        return {"weights": first.name}
    return {"whitened": True} if isinstance(first, Whitening) else {}


def _first(model: ModelFile, folder: Path) -> InputTransform | None:
    if model.weights is not None:
        return Weighting(model.weights, load_file(folder / WEIGHTING)["idf"])
    return Whitening(**load_file(folder / WHITENING)) if model.whitened else None


def load_input(source: str, root: Path = ARTIFACTS) -> Stack:
    """The stack that a configured ``input`` names: empty for ``prepared/DATASET``."""
    return Stack([]) if source.startswith("prepared/") else load(root / source)


def _stage(folder: Path) -> str:
    return f"{'pretrain' if folder.parent.name == 'layers' else 'finetune'}@{folder.name}"
