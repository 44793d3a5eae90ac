"""The definitions that an item of params.yaml reaches, and the digest of their meaning."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from pipelines.code_digest.normal_form import WHOLE, NormalForm, Reference, normal_form, sha256
from pipelines.code_digest.source import Definition, External, Source
from pipelines.code_digest.tables import Item, Table

SETTINGS = ("ae_lightning.config",)
"""Modules that read and check params.yaml. What they read is in an item's digest by value, so only
the public methods of their classes count, and their constants."""

NEUTRAL = {
    "ae_lightning.errors": "kinds of error, told to a person",
    "ae_lightning.foreign_variables": "mends what other programs left set; no result depends on it",
    "ae_lightning.registry": "says which settings name the rows of a table",
    "ae_lightning.distributed.launch": "starts the processes; their number changes no result",
    "ae_lightning.distributed.placement": "tells which process of which machine this is",
    "pipelines.tracking.recorder": "records what happens",
    "pipelines.tracking.lightning_logger": "records what happens",
    "pipelines.tracking.store": "records what happens",
    "pipelines.code_digest": "tells what is stale and makes nothing",
}
"""Modules and packages that decide no result, and why; what they name is not followed."""

ROUNDS = 4
"""How far references are followed to tell definitions of the same text apart."""

Rows = dict[Definition, set[str]]


class Reach:
    """Follows what definitions name, over the source of our packages."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._forms: dict[Definition, NormalForm] = {}
        self._tables: dict[Definition, Table | None] = {}
        self._beside: dict[str, tuple[Definition, ...]] = {}

    def of(self, roots: Iterable[Definition], item: Item) -> Rows:
        """All that ``roots`` reach for an item, each with how it is used: see ``Reference``."""
        found: Rows = {}
        queue = [Reference(root) for root in roots]
        while queue:
            definition, row = queue.pop()
            if is_neutral(definition.module) or row in found.get(definition, ()):
                continue
            if definition not in found:
                queue += map(Reference, self._run_by_import(definition.module))
            found.setdefault(definition, set()).add(row)
            for form in self._used(definition, {row}, item):
                queue += form.references
                if form.annotated and self._is_model(definition):
                    queue += form.annotated
        return found

    def digest(self, roots: Iterable[Definition], item: Item) -> str:
        """SHA-256 over the meaning of all that ``roots`` reach for an item."""
        found = self.of(roots, item)
        forms = {each: tuple(self._used(each, rows, item)) for each, rows in found.items()}
        colours: dict[Definition, str] = {}
        for _ in range(ROUNDS):
            colours = {each: _colour(used, colours) for each, used in forms.items()}
        return sha256(*sorted(colours.values()))

    def _used(self, definition: Definition, rows: set[str], item: Item) -> Iterator[NormalForm]:
        """Normal forms of a definition; of a table those of the item's rows and of ``rows``."""
        if definition not in self._tables:
            self._tables[definition] = Table.read(self.source, definition)
        table = self._tables[definition]
        if table is None or WHOLE in rows:
            yield self._form(definition)
        else:
            yield from table.of(item, rows)

    def _form(self, definition: Definition) -> NormalForm:
        if definition not in self._forms:
            module, name = definition
            statements: Iterable[ast.stmt] = self.source.statements(definition)
            if is_settings(module):
                statements = filter(None, map(_computing, statements))
            form = normal_form(self.source, module, statements, name)
            if not name:
                data = (
                    sha256(path.name, path.read_bytes()) for path in self.source.data_files(module)
                )
                form = form._replace(digest=sha256(form.digest, *data))
            self._forms[definition] = form
        return self._forms[definition]

    def _run_by_import(self, module: str) -> tuple[Definition, ...]:
        """The statements that run, and the files that count, because a module is imported."""
        if module not in self._beside:
            parts = module.split(".")
            above = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
            self._beside[module] = tuple(
                Definition(each, "")
                for each in above
                if each in self.source.paths
                and (self.source.module(each).effects or self.source.data_files(each))
            )
        return self._beside[module]

    def _is_model(self, definition: Definition) -> bool:
        """Whether something is a class that pydantic fills by its annotations."""
        for statement in self.source.statements(definition):
            for base in statement.bases if isinstance(statement, ast.ClassDef) else []:
                if isinstance(base, ast.Name):
                    meaning = self.source.meaning(definition.module, base.id)
                    if meaning == External("pydantic.BaseModel"):
                        return True
                    if isinstance(meaning, Definition) and self._is_model(meaning):
                        return True
        return False


def is_settings(module: str) -> bool:
    """Whether a module reads params.yaml."""
    return _within(module, SETTINGS)


def is_neutral(module: str) -> bool:
    """Whether a module decides no result."""
    return _within(module, NEUTRAL)


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _colour(forms: Iterable[NormalForm], colours: Mapping[Definition, str]) -> str:
    """A definition's text with what its references meant in the round before."""
    parts = []
    for form in forms:
        parts.append(form.digest)
        parts += [colours.get(to, "") + row for to, row in form.references]
    return sha256(*parts)


def _computing(statement: ast.stmt) -> ast.stmt | None:
    """The part of a settings module's statement that computes, instead of reading or checking."""
    if isinstance(statement, ast.FunctionDef):
        return None
    if not isinstance(statement, ast.ClassDef):
        return statement
    methods = [part for part in statement.body if isinstance(part, ast.FunctionDef)]
    kept = [part for part in methods if not part.name.startswith("_")]
    body: list[ast.stmt] = [*kept] or [ast.Pass()]
    return ast.ClassDef(statement.name, statement.bases, [], body, [])
