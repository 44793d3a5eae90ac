"""A definition as what it means: without words for people, names of ours replaced by references.

Left out are docstrings, comments, annotations and the words of errors. A name of ours becomes a
mark whose meaning is in a list beside the text, so that neither a rename nor a move is a change; a
name of another package becomes its full name. Local variables shadow global names.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple

from pipelines.code_digest.source import (
    DEFINITIONS,
    Definition,
    External,
    Meaning,
    Module,
    Source,
    imported,
    is_for_types,
)

WHOLE = "*"
"""How a table is used that is gone through, instead of being asked for one row."""

COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Scope = dict[str, Meaning | None]


class Reference(NamedTuple):
    """A definition of ours that is named, and which of its rows: ``*`` all, "" those of the item.

    Any other ``row`` is one that the code itself names.
    """

    definition: Definition
    row: str = WHOLE


class NormalForm(NamedTuple):
    """Digest of a definition's text, and in order what the marks in it stand for.

    ``annotated`` is what the annotations of a class's fields name: pydantic makes instances of it.
    """

    digest: str
    references: tuple[Reference, ...]
    annotated: tuple[Reference, ...] = ()


def normal_form(source: Source, module: str, nodes: Iterable[ast.AST], name: str) -> NormalForm:
    """The normal form of the statements or expressions that define ``name`` in ``module``."""
    writer = _Writer(source, module, name)
    for node in nodes:
        writer.write(node)
    text = "".join(writer.parts)
    return NormalForm(sha256(text), tuple(writer.references), tuple(writer.annotated))


def sha256(*parts: str | bytes) -> str:
    """Hexadecimal SHA-256 of some parts, each with its length."""
    total = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode()
        total.update(b"%d:" % len(content) + content)
    return total.hexdigest()


class _Writer:
    """Writes syntax trees as text, each kind of node by the method of its name."""

    def __init__(self, source: Source, module: str, name: str) -> None:
        self.source, self.module, self.name = source, module, name
        self.parts: list[str] = []
        self.references: list[Reference] = []
        self.annotated: list[Reference] = []
        self.scopes: list[tuple[bool, Scope]] = []
        """Scopes from the outermost in, each with whether it is a class's."""

    def write(self, node: Any) -> None:
        """Write a node, a list of nodes, or a plain value such as an attribute's name."""
        if isinstance(node, list):
            self._all("[", node, "]")
        elif not isinstance(node, ast.AST):
            self.parts.append(f"{node!r},")
        elif not isinstance(node, ast.expr_context):
            kind = type(node).__name__
            written = getattr(self, f"_{kind}", None)
            if written is None:
                self._all(f"{kind}(", (value for _, value in ast.iter_fields(node)), ")")
            else:
                written(node)

    def _all(self, begin: str, nodes: Iterable[Any], end: str = ")") -> None:
        self.parts.append(begin)
        for node in nodes:
            self.write(node)
        self.parts.append(end)

    # Names

    def _Name(self, node: ast.Name) -> None:
        if not self.scopes and isinstance(node.ctx, ast.Store):
            self.parts.append("self," if node.id == self.name else "other,")
        elif not self._mark(self._meaning(node.id), WHOLE):
            self.parts.append(f"{node.id},")

    def _Attribute(self, node: ast.Attribute) -> None:
        if not self._mark(self._of_module(node), WHOLE):
            self._all("Attribute(", [node.value, node.attr])

    def _Subscript(self, node: ast.Subscript) -> None:
        table = self._of_module(node.value)
        if isinstance(table, Definition) and isinstance(node.ctx, ast.Load):
            row = str(node.slice.value) if isinstance(node.slice, ast.Constant) else ""
            self._all("Subscript(", [])
            self._mark(table, row)
            self.write(node.slice)
        else:
            self._all("Subscript(", [node.value, node.slice])

    def _meaning(self, name: str) -> Meaning | None:
        for depth, (of_class, scope) in enumerate(reversed(self.scopes)):
            if name in scope and (depth == 0 or not of_class):
                return scope[name]
        return self.source.meaning(self.module, name)

    def _of_module(self, node: ast.expr) -> Meaning | None:
        """Meaning of a name, or of an attribute of a module of ours."""
        if isinstance(node, ast.Name):
            return self._meaning(node.id)
        if isinstance(node, ast.Attribute):
            value = self._of_module(node.value)
            if isinstance(value, Module):
                return self.source.resolve(f"{value.name}.{node.attr}")
        return None

    def _mark(self, meaning: Meaning | None, row: str) -> bool:
        """Write what a name stands for, if it is known."""
        match meaning:
            case Definition():
                self.references.append(Reference(meaning, row))
                self.parts.append(f"@{row},")
            case Module(name):  # the module as a thing: all that is in it
                defined = self.source.module(name).statements
                self.references += [Reference(Definition(name, each)) for each in defined]
                self.parts.append("@module,")
            case External(path):
                self.parts.append(f"{path},")
        return meaning is not None

    # Scopes

    @contextmanager
    def _scope(self, names: Scope, of_class: bool = False) -> Iterator[None]:
        self.scopes.append((of_class, names))
        yield
        self.scopes.pop()

    def _FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._all(f"{type(node).__name__}(", [node.name] if self.scopes else [], "")
        self.write(node.decorator_list)
        with self._arguments(node.args, node.body):
            self.write(node.body)

    _AsyncFunctionDef = _FunctionDef

    def _Lambda(self, node: ast.Lambda) -> None:
        self.parts.append("Lambda(")
        with self._arguments(node.args, []):
            self.write(node.body)

    @contextmanager
    def _arguments(self, arguments: ast.arguments, body: list[ast.stmt]) -> Iterator[None]:
        names = [
            *arguments.posonlyargs,
            *arguments.args,
            *filter(None, [arguments.vararg]),
            *arguments.kwonlyargs,
            *filter(None, [arguments.kwarg]),
        ]
        kinds = [len(arguments.posonlyargs), len(arguments.args), len(arguments.kwonlyargs)]
        self._all("(", [*kinds, bool(arguments.vararg), *(argument.arg for argument in names)])
        self.write(arguments.defaults)
        self.write(arguments.kw_defaults)
        with self._scope(self._bound(body, [argument.arg for argument in names])):
            yield

    def _comprehension(self, node: Any) -> None:
        self.parts.append(f"{type(node).__name__}(")
        self.write(node.generators[0].iter)  # in the scope around
        targets = chain.from_iterable(ast.walk(each.target) for each in node.generators)
        with self._scope({name.id: None for name in targets if isinstance(name, ast.Name)}):
            for number, each in enumerate(node.generators):
                iterated = [each.iter] if number else []
                self._all("for(", [each.target, *iterated, each.ifs, each.is_async])
            self._all("", [getattr(node, part, None) for part in ("key", "value", "elt")])

    _ListComp = _SetComp = _DictComp = _GeneratorExp = _comprehension

    def _ClassDef(self, node: ast.ClassDef) -> None:
        self._all("ClassDef(", [node.name] if self.scopes else [], "")
        self._all("", [node.decorator_list, node.bases, node.keywords])
        with self._scope(self._bound(node.body), of_class=True):
            self.write(node.body)

    def _bound(self, body: Iterable[ast.stmt], arguments: Iterable[str] = ()) -> Scope:
        """The names that a function's or class's own scope binds; imported ones with meaning."""
        names: Scope = dict.fromkeys(arguments)
        outside: set[str] = set()
        for node in chain.from_iterable(map(_within_scope, body)):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    names[name] = None
                case ast.NamedExpr(target=ast.Name(id=name)):
                    names[name] = None
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                    names[name] = None
                case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                    names[name] = None
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    names[node.name] = None
                case ast.Import() | ast.ImportFrom():
                    for name, found in imported(node):
                        names[name] = self.source.resolve(found.path)
                case ast.Global(names=found) | ast.Nonlocal(names=found):
                    outside.update(found)
        return {name: meaning for name, meaning in names.items() if name not in outside}

    def _JoinedStr(self, node: ast.JoinedStr) -> None:
        # Python 3.12.0 and 3.12.1 end a format such as {x:<{width}} with an empty text.
        parts = [part for part in node.values if getattr(part, "value", None) != ""]
        self._all("JoinedStr(", [parts])

    # What is for people and for type checkers

    def _Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring, or ...
            self._all("Expr(", [node.value])

    def _Raise(self, node: ast.Raise) -> None:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        self._all("Raise(", [error])

    def _Assert(self, node: ast.Assert) -> None:
        self._all("Assert(", [node.test])

    def _AnnAssign(self, node: ast.AnnAssign) -> None:
        in_class = bool(self.scopes) and self.scopes[-1][0]
        if in_class:
            annotation = _Writer(self.source, self.module, self.name)
            annotation.write(node.annotation)
            self.annotated += annotation.references
        if in_class or node.value is not None:
            self._all("Assign(", [node.target, node.value])

    def _Assign(self, node: ast.Assign) -> None:
        if self.scopes or not _lists_words(node.value):
            self._all("Assign(", [*node.targets, node.value])

    def _If(self, node: ast.If) -> None:
        if not is_for_types(node):
            self._all("If(", [node.test, node.body, node.orelse])

    def _Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Write nothing: the names that it binds are written as what they stand for."""

    _ImportFrom = _Import


def _within_scope(node: ast.AST) -> Iterator[ast.AST]:
    """The node and those below it that bind names in the same scope."""
    yield node
    if isinstance(node, COMPREHENSIONS):
        yield from (child for child in ast.walk(node) if isinstance(child, ast.NamedExpr))
    elif not isinstance(node, DEFINITIONS | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _within_scope(child)


def _lists_words(value: ast.expr) -> bool:
    """Whether an alias only says which words are valid: ``Literal["a", "b"]``."""
    named = value.value if isinstance(value, ast.Subscript) else None
    return isinstance(named, ast.Name) and named.id == "Literal"
