"""Tables of kinds, of which an item reaches the rows alone that its settings name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ae_lightning.registry import NamedBy
from pipelines.code_digest.normal_form import NormalForm, normal_form
from pipelines.code_digest.source import Definition, Source

SPREAD = "**"


@dataclass(frozen=True)
class Item:
    """An item's settings as they are resolved: its own, those of each layer below, its data's.

    ``classes`` are the names of the settings' classes.
    """

    settings: tuple[Mapping[str, Any], ...] = ()
    classes: frozenset[Definition] = frozenset()

    def rows(self, named_by: NamedBy) -> set[str]:
        """The rows of a table that the settings name."""
        words = {word for path in named_by.values for word in self._at(path)}
        words |= {key for path in named_by.keys for found in self._at(path) for key in found}
        words |= {path for path in named_by.switches if any(self._at(path))}
        further = {row for word in words for row in named_by.also.get(word, ())}
        return words | further | set(named_by.always)

    def _at(self, path: str) -> Iterator[Any]:
        for settings in self.settings:
            value: Any = settings
            for part in path.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None:
                yield value


@dataclass(frozen=True)
class Table:
    """A dictionary whose annotation says by which settings its rows are named."""

    named_by: NamedBy
    rows: Mapping[str, NormalForm]

    @classmethod
    def read(cls, source: Source, definition: Definition) -> Table | None:
        """The table that something is; None if it is none, or has no such annotation."""
        match source.statements(definition):
            case [ast.AnnAssign(annotation=annotation, value=ast.Dict(keys, values))]:
                named_by = _named_by(annotation)
            case _:
                return None
        if named_by is None:
            return None
        rows = {}
        for key, value in zip(keys, values, strict=True):
            form = normal_form(source, definition.module, [value], definition.name)
            if key is None:  # another table's rows, of which each is asked for apart
                spread = tuple(each._replace(row="") for each in form.references)
                rows[SPREAD + ast.unparse(value)] = form._replace(references=spread)
            elif isinstance(key, ast.Constant):
                rows[str(key.value)] = form
            else:
                return None
        return cls(named_by, rows)

    def of(self, item: Item, named: set[str]) -> Iterator[NormalForm]:
        """The rows of an item and those that the code itself has ``named``, spread tables too."""
        wanted = item.rows(self.named_by) | named
        for row, form in self.rows.items():
            if row in wanted or row.startswith(SPREAD):
                yield form._replace(digest=f"{row}: {form.digest}")


def _named_by(annotation: ast.expr) -> NamedBy | None:
    for node in ast.walk(annotation):
        match node:
            case ast.Call(func=ast.Name("NamedBy")):
                return NamedBy(**{str(w.arg): ast.literal_eval(w.value) for w in node.keywords})
    return None
