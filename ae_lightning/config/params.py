"""The whole of ``params.yaml`` as frozen models, with every reference checked.

Everything that decides a result is in ``params.yaml``, so that DVC rebuilds what it must.
Settings of devices and speed alone are in
:class:`ae_lightning.config.environment.Environment`. Datasets are described in
:mod:`ae_lightning.config.datasets`, layers in :mod:`ae_lightning.config.layers`, variants in
:mod:`ae_lightning.config.variants`, classifiers in :mod:`ae_lightning.config.classifiers`.
"""

from __future__ import annotations

import reprlib
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from ae_lightning.artifacts import checked_name
from ae_lightning.config.datasets import AnyDataset, Documents, FrozenModel
from ae_lightning.config.layers import Layer
from ae_lightning.config.variants import Repeats, Variant, rules
from ae_lightning.errors import UserError
from ae_lightning.files import read_yaml


class Params(FrozenModel):
    """The whole of ``params.yaml``, with every reference checked."""

    datasets: dict[str, AnyDataset]
    layers: dict[str, Layer] = Field({})
    variants: dict[str, Variant] = Field({})
    repeats: Repeats = Repeats()
    classifiers: dict[str, Any] = Field({})
    """Read by :mod:`ae_lightning.config.classifiers`."""

    @model_validator(mode="after")
    def _references_exist(self) -> Self:
        for name in self.repeats.variants:
            known(name, self.variants, "repeats.variants", "variant")
        for section, table in (("layers", self.layers), ("variants", self.variants)):
            for name, item in table.items():
                where = f"{section}.{name}"
                known(item.data, self.datasets, f"{where}.data", "dataset")
                self._check_input(item, where)
                self._check_documents(item, where)
        for name, layer in self.layers.items():
            self._check_wider(name)
            if layer.train.shift and layer.input.startswith("layers/"):
                raise ValueError(
                    f"layers.{name}.train.shift: only images can be moved, found "
                    f"{layer.train.shift} for a layer that learns from codes; remove it"
                )
            if layer.views and layer.input.startswith("layers/"):
                raise ValueError(
                    f"layers.{name}.views: only images can be moved, found a layer that learns "
                    "from codes; remove them"
                )
        for name, variant in self.variants.items():
            if (
                not variant.sizes
                and variant.input.startswith("prepared/")
                and not (variant.kind == "vectors")
            ):
                raise ValueError(
                    f"variants.{name}.sizes: a variant on prepared data needs the widths of its "
                    "layers, found none; add sizes or name a layer as input"
                )
        return self

    def _check_input(self, item: Layer | Variant, where: str) -> None:
        folder, _, name = item.input.partition("/")
        if folder == "prepared" and name == item.data:
            return
        if folder != "layers":
            raise ValueError(
                f"{where}.input: must be prepared/{item.data} or layers/LAYER, found {item.input!r}"
            )
        known(name, self.layers, f"{where}.input", "layer")
        if self.layers[name].data != item.data:
            raise ValueError(
                f"{where}.input: layer {name!r} was trained on {self.layers[name].data!r}, "
                f"not on {item.data!r}; use the same data"
            )
        self.chain(item.input)
        more = isinstance(item, Layer) or item.sizes
        if more and self.layers[name].activation == "unit":
            raise ValueError(
                f"{where}.input: codes of unit length are the last, found layer {name!r} below "
                "another; give it another activation"
            )

    def _check_documents(self, item: Layer | Variant, where: str) -> None:
        documents = isinstance(self.datasets[item.data], Documents)
        for complaint in rules(item, documents):
            raise ValueError(f"{where}.{complaint}")

    def _check_wider(self, name: str) -> None:
        layer = self.layers[name]
        below = self.layers.get(layer.input.removeprefix("layers/"))
        if below is None or "conv" in (layer.kind, below.kind):
            return  # their widths depend on the image's size: pretraining checks them
        if layer.units > below.units and layer.l1 == 0 and layer.kind != "rbm":
            raise ValueError(too_wide(f"layers.{name}", layer.units, below.units))

    def chain(self, source: str) -> list[str]:
        """Names of the layers from the data up to ``source`` (``layers/NAME`` or ``prepared/``)."""
        names: list[str] = []
        while source.startswith("layers/"):
            name = source.removeprefix("layers/")
            if name in names:
                raise ValueError(f"layers.{name}.input: layers form a circle; break it")
            where = f"layers.{names[-1]}.input" if names else "input"
            known(name, self.layers, where, "layer")
            names.append(name)
            source = self.layers[name].input
        return names[::-1]


class CodeShape(NamedTuple):
    """Shape of a code: ``units`` numbers, or for each place of an image that ``pooled`` leaves.

    ``pooled`` is the side of the square of pixels that is one place; 0 for codes without places.
    """

    units: int
    pooled: int = 0

    def size(self, shape: tuple[int, ...]) -> int:
        """Numbers in the code of an example of ``shape``."""
        places = prod(side // self.pooled for side in shape[:2]) if self.pooled else 1
        return self.units * places


def code_shapes(params: Params, dataset: str) -> dict[str, CodeShape]:
    """The shape of every variant's code on a dataset, by the variant's name.

    It has 0 units where the examples themselves are the code.
    """
    return {
        name: _code_shape(params, variant)
        for name, variant in params.variants.items()
        if variant.data == dataset
    }


def _code_shape(params: Params, variant: Variant) -> CodeShape:
    if variant.sizes or variant.kind == "vectors":
        return CodeShape(*variant.sizes[-1:] or (0,))
    layers = [params.layers[name] for name in params.chain(variant.input)]
    last = layers[-1]
    pooled = prod(layer.pool for layer in layers) if last.kind == "conv" else 0
    return CodeShape(last.units, pooled)


def too_wide(where: str, units: int, inputs: int) -> str:
    """The one line for a layer that is wider than its input and has no L1 penalty."""
    return (
        f"{where}.l1: a layer wider than its input ({units} > {inputs}) can copy it and needs an "
        "L1 penalty, found 0; set l1 or fewer units"
    )


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check ``params.yaml``; UserError tells the first mistake in one line."""
    if not path.exists():
        raise UserError(f"{path}: not found; run this in the project's folder")
    return parse(read_yaml(path, "correct it, or run: git checkout params.yaml"), str(path))


def parse(content: Any, where: str = "params.yaml") -> Params:
    """Validate what ``params.yaml`` holds; ``where`` begins the error's line."""
    check_names(content, where)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{where}: {first_line(error)}") from error


NAMED = ("datasets", "layers", "variants", "classifiers")
"""Sections whose keys become words of commands and names of folders."""


def check_names(content: Any, where: str) -> None:
    """Refuse names of items that a shell or a path would read as more than a name.

    Raises:
        UserError: the first of them.
    """
    for section in NAMED:
        items = content.get(section) if isinstance(content, dict) else None
        for name in items if isinstance(items, dict) else ():
            checked_name(name, f"{where}: {section}")


def pick(table: dict[str, Any], name: str, what: str) -> Any:
    """``table[name]``, or a UserError that offers the nearest names."""
    checked_name(name, what)
    try:
        known(name, table, f"params.yaml: {what}s", what)
    except ValueError as error:
        raise UserError(str(error)) from error
    return table[name]


def known(name: str, table: dict[str, Any], where: str, what: str) -> None:
    """Raise a ValueError that offers the nearest names if ``name`` is not in ``table``."""
    if name not in table:
        near = get_close_matches(name, table, n=3) or sorted(table)
        raise ValueError(f"{where}: unknown {what} {name!r}; there is {', '.join(near) or 'none'}")


def first_line(error: ValidationError) -> str:
    """The first mistake that pydantic found: where, the rule, what was found."""
    first, more = error.errors()[0], error.error_count() - 1
    path = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        text = f"{path}: unknown key; remove it or correct its name"
    elif first["type"] == "value_error":
        text = ": ".join(filter(None, (path, str(first["ctx"]["error"]))))
    else:
        found = f"{first['msg']}, found {reprlib.repr(first['input'])}"
        text = ": ".join(filter(None, (path, found)))
    text += "" if "; " in text else "; correct it"
    return text + (f" (and {more} more)" if more else "")
