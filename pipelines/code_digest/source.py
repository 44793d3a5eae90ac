"""The source of our packages as definitions by module, and what each name in it stands for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ae_lightning.errors import UserError

PACKAGES = ("ae_lightning", "pipelines")

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Definition(NamedTuple):
    """A function, class or constant at the top level of one of our modules.

    An empty ``name`` stands for the statements that a module runs when it is imported.
    """

    module: str
    name: str


class Module(NamedTuple):
    """One of our modules itself, as in ``from ae_lightning.nn import stack``."""

    name: str


class External(NamedTuple):
    """Something of another package, by its full name: ``np.array`` is ``numpy.array``."""

    path: str


Meaning = Definition | Module | External


@dataclass
class ModuleSource:
    """One parsed module: its definitions, the meaning of its names, and what importing it does."""

    name: str
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, Meaning] = field(default_factory=dict)
    effects: list[ast.stmt] = field(default_factory=list)

    @classmethod
    def parse(cls, name: str, path: Path) -> ModuleSource:
        """Read a module.

        Raises:
            UserError: its source cannot be read or parsed.
        """
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or "?"
            raise UserError(
                f"{path}, line {line}: no valid Python ({getattr(error, 'msg', error)}); "
                "mend it: without it nobody can tell what is stale"
            ) from error
        module = cls(name)
        for statement in tree.body:
            module._add(statement)
        return module

    def _add(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom():
                self.imports.update(imported(statement))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.statements.setdefault(statement.name, []).append(statement)
            case ast.Assign() | ast.AnnAssign() if names := _assigned(statement):
                for name in names:
                    self.statements.setdefault(name, []).append(statement)
            case ast.If() if is_for_types(statement):
                pass
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case _:
                self.effects.append(statement)
                for inner in ast.walk(statement):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        self.imports.update(imported(inner))


def is_for_types(statement: ast.If) -> bool:
    """Whether a branch is for type checkers alone, so that nothing of it happens."""
    return isinstance(statement.test, ast.Name) and statement.test.id == "TYPE_CHECKING"


def imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, External]]:
    """The names that an import binds, each with the full name of what it stands for."""
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            yield alias.asname or alias.name, External(f"{statement.module}.{alias.name}")
        elif alias.asname:
            yield alias.asname, External(alias.name)
        else:
            root = alias.name.partition(".")[0]
            yield root, External(root)


def _assigned(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    """The names that an assignment at the top level defines; none if it changes something else."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    parts = [part for target in targets for part in getattr(target, "elts", [target])]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) else []


class Source:
    """All modules of our packages, read when they are asked for.

    Without ``root`` the packages are those that this program runs: of a checkout or installed.

    Raises:
        UserError: a module cannot be parsed.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.folders = {
            package: _installed(package) if root is None else root / package for package in PACKAGES
        }
        self._parsed: dict[str, ModuleSource] = {}

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Every module's file."""
        found = {}
        for package, folder in self.folders.items():
            for path in sorted(folder.rglob("*.py")):
                parts = path.relative_to(folder).with_suffix("").parts
                found[".".join((package, *parts)).removesuffix(".__init__")] = path
        return found

    def module(self, name: str) -> ModuleSource:
        """A module of ours."""
        if name not in self._parsed:
            self._parsed[name] = ModuleSource.parse(name, self.paths[name])
        return self._parsed[name]

    def statements(self, definition: Definition) -> list[ast.stmt]:
        """Where something is defined: one statement, or several of the same name."""
        module = self.module(definition.module)
        return module.statements[definition.name] if definition.name else module.effects

    def meaning(self, module: str, name: str) -> Meaning | None:
        """Meaning of a global name in a module; None for builtins."""
        source = self.module(module)
        if name in source.statements:
            return Definition(module, name)
        found = source.imports.get(name)
        return self.resolve(found.path) if isinstance(found, External) else found

    def resolve(self, path: str) -> Meaning | None:
        """Meaning of a full dotted name, through the imports of our modules."""
        if path in self.paths:
            return Module(path)
        parent, _, name = path.rpartition(".")
        if parent in self.paths:
            return self.meaning(parent, name)
        return External(path)

    def data_files(self, package: str) -> list[Path]:
        """Files in a package's folders without modules, such as a page's scripts in ``assets``."""
        path = self.paths[package]
        if path.name != "__init__.py":
            return []
        folders = [folder for folder in path.parent.iterdir() if _holds_data(folder)]
        files = (file for folder in folders for file in folder.iterdir())
        return sorted(file for file in files if file.is_file() and not file.name.startswith("."))


def _holds_data(folder: Path) -> bool:
    hidden = folder.name.startswith((".", "__"))
    return folder.is_dir() and not hidden and not any(folder.glob("*.py"))


def _installed(package: str) -> Path:
    found = find_spec(package)
    assert found is not None
    return Path(str(found.origin)).parent
