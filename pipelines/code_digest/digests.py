"""The digests of every stage and item, and the file that DVC reads them from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from ae_lightning.config.classifiers import Classifier, classifiers
from ae_lightning.config.environment import Environment
from ae_lightning.config.params import NAMED, CodeShape, Params, code_shapes, load
from ae_lightning.errors import UserError, reading
from ae_lightning.files import read_yaml, replaced_file
from pipelines.code_digest.normal_form import sha256
from pipelines.code_digest.reach import Reach
from pipelines.code_digest.source import Definition, Source
from pipelines.code_digest.tables import Item

FILE = Path("code.yaml")
LENGTH = 16
LIBRARIES = ("numpy", "scikit-learn", "torch")
HEADER = """\
# What the code means for each stage and item, written by `ae code` (`dvc repro` runs it first).
# DVC rebuilds a stage whose digest differs from the one in dvc.lock. Not to be edited by hand.
"""

Chosen = Mapping[str, Item]


@dataclass(frozen=True)
class Project:
    """The items of params.yaml that stages are run for."""

    params: Params
    classifiers: Mapping[str, Classifier]

    @classmethod
    def load(cls, path: Path = Path("params.yaml")) -> Project:
        """Read and check params.yaml.

        Raises:
            UserError: its first mistake.
        """
        params = load(path)
        return cls(params, classifiers(params, str(path)))

    def datasets(self) -> Chosen:
        """Every dataset by name."""
        return {name: self._item(data=name) for name in self.params.datasets}

    def baselines(self) -> Chosen:
        """Every dataset, with the codes of its variants, which its baselines are as large as."""
        found = {}
        for name, item in self.datasets().items():
            codes = {"codes": code_shapes(self.params, name)}
            found[name] = Item((codes, *item.settings), item.classes | {_definition(CodeShape)})
        return found

    def layers(self) -> Chosen:
        """Every layer, with those below."""
        return {name: self._on_layers(layer) for name, layer in self.params.layers.items()}

    def variants(self) -> Chosen:
        """Every variant, with its layers."""
        return {name: self._on_layers(item) for name, item in self.params.variants.items()}

    def repeats(self) -> Chosen:
        """Every variant that is repeated, with its layers, which are pretrained anew."""
        variants, whole = self.variants(), {_definition(Params)}
        return {
            name: replace(variants[name], classes=variants[name].classes | whole)
            for name in self.params.repeats.variants
        }

    def graded(self) -> Chosen:
        """Every classifier, with its layers."""
        return {name: self._on_layers(item) for name, item in self.classifiers.items()}

    def everything(self) -> Item:
        """All items in one, for a stage over all of them."""
        tables = (self.datasets(), self.layers(), self.variants(), self.graded())
        items = [item for table in tables for item in table.values()]
        classes = _classes(self.params).union(*(item.classes for item in items))
        return Item(tuple(settings for item in items for settings in item.settings), classes)

    def _on_layers(self, item: Any) -> Item:
        chain = [self.params.layers[name] for name in self.params.chain(item.input)]
        return self._item(item, *chain, data=item.data)

    def _item(self, *models: BaseModel, data: str) -> Item:
        dataset = self.params.datasets[data]
        settings = (*map(settings_on, models), {"dataset": settings_on(dataset)})
        return Item(settings, frozenset().union(*map(_classes, (*models, dataset))))


STAGES: dict[str, Callable[[Project], Chosen] | None] = {
    "prepare": Project.datasets,
    "baseline": Project.baselines,
    "pretrain": Project.layers,
    "finetune": Project.variants,
    "repeat": Project.repeats,
    "compare": None,
    "evaluate": Project.variants,
    "supervise": Project.graded,
    "grade": Project.graded,
    "tabulate": None,
    "report": None,
}
"""Every stage with the items that it is run for; None where it is run once for all."""

BY_VALUE = {
    "prepare": 1,
    "baseline": 1,
    "pretrain": 1,
    "finetune": 1,
    "repeat": None,
    "supervise": 1,
}
"""Stages that read an item's settings, and how many of its parts: others are artifacts by then."""


def items_of(stage: str, project: Project) -> Mapping[str | None, Item]:
    """The items that a stage is run for, by name; under None all in one, if it is run once."""
    items = STAGES[stage]
    return {None: project.everything()} if items is None else dict(items(project).items())


def digests(project: Project, source: Source) -> dict[str, Any]:
    """The digest of every stage, or of every item of a stage, by name."""
    reach = Reach(source)
    found: dict[str, Any] = {}
    for stage in STAGES:
        of_items = {
            name: _digest(reach, stage, item) for name, item in items_of(stage, project).items()
        }
        found[stage] = of_items.get(None, of_items)
    return found


def roots(stage: str, item: Item) -> Iterator[Definition]:
    """Where a stage begins for an item."""
    yield Definition(f"pipelines.stages.{stage}", "run")
    yield _definition(Environment)
    yield from item.classes


def _digest(reach: Reach, stage: str, item: Item) -> str:
    values = item.settings[: BY_VALUE[stage]] if stage in BY_VALUE else ()
    code = reach.digest(roots(stage, item), item)
    digest = sha256(code, json.dumps(values, sort_keys=True, default=str))[:LENGTH]
    return f"sha256:{digest}"  # hexadecimal alone may be a number to YAML: 8e12


def content(project: Project, source: Source) -> dict[str, Any]:
    """Content of code.yaml: versions of the numerical libraries, and all digests."""
    versions = [f"{library} {version(library).partition('+')[0]}" for library in LIBRARIES]
    return {"versions": ", ".join(versions), **digests(project, source)}


def refresh(root: Path = Path()) -> None:
    """Bring a project's code.yaml up to date with the code that runs and its params.yaml.

    Raises:
        UserError: params.yaml has a mistake, or a module is no valid Python.
    """
    project, path = Project.load(root / "params.yaml"), root / FILE
    for section in NAMED:
        if dotted := [name for name in getattr(project.params, section) if "." in name]:
            raise UserError(
                f"{root / 'params.yaml'}: {section}.{dotted[0]}: DVC reads a dot as the end of a "
                "key; name it with '-' or '_' instead"
            )
    text = HEADER + yaml.safe_dump(content(project, Source()), sort_keys=False)
    if not path.exists() or path.read_bytes() != text.encode():
        with replaced_file(path) as partial:
            partial.write_text(text, encoding="utf-8")


def running(stage: str, name: str | None = None) -> str | None:
    """The digest of the code that runs, for an item of params.yaml; None if there is no such."""
    items = items_of(stage, Project.load())
    return _digest(Reach(Source()), stage, items[name]) if name in items else None


def check(digest: str, stage: str, name: str | None = None, path: Path = FILE) -> None:
    """Refuse to run a stage for DVC by a code.yaml of other code, whose digest it would record.

    Raises:
        UserError: code.yaml is absent or broken, or has not the ``digest`` of this code.
    """
    found = None
    with suppress(UserError), reading(path, ""):
        of_stage = read_yaml(path, "")[stage]
        found = of_stage if name is None else of_stage[name]
    if found != digest:
        where = stage if name is None else f"{stage}.{name}"
        raise UserError(
            f"{path}: {where}: must be the digest of the code that runs, found {found!r}; "
            "run `ae code`, or `dvc repro` without --single-item, which does so first"
        )


def settings_on(model: BaseModel) -> dict[str, Any]:
    """A model's settings but for those that are off by default and stay so: a new one is none."""
    found = {}
    for name, value in model:
        plain = settings_on(value) if isinstance(value, BaseModel) else value
        default = type(model).model_fields[name].get_default(call_default_factory=True)
        if plain or value != default:
            found[name] = plain
    return found


def _classes(model: BaseModel) -> frozenset[Definition]:
    """The settings' classes of a model and of those within it."""
    inner = [value for _, value in model if isinstance(value, BaseModel)]
    return frozenset({_definition(type(model))}).union(*map(_classes, inner))


def _definition(cls: type) -> Definition:
    return Definition(cls.__module__, cls.__name__)
