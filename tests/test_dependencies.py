"""What each layer imports is declared for it in pyproject.toml, and what is declared is used."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_boundaries import MODULES, OURS, ROOT, imported_modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {
    "PIL": "pillow",
    "faiss": "faiss-cpu",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zc": "zc.lockfile",
}
"""Distributions with another name than their module's."""
UNSEEN = {
    "mypy": "a command",
    "pre-commit": "a command",
    "pyarrow": "pandas writes Parquet with it",
    "pytest-timeout": "a plugin",
    "pytest-xdist": "a plugin",
    "ruff": "a command",
    "setuptools": "builds the wheel",
    "types-pyyaml": "types for mypy",
}
"""Distributions that no module of ours imports, and what for they are declared."""


def declared(*extras: str) -> set[str]:
    """Distributions of the core and of extras."""
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {re.match(r"[\w.-]+", line)[0].lower() for line in lines} - {PROJECT["name"]}


FOLDERS = (*OURS, "tests", "benchmarks")
CORE = declared()
EVERYTHING = declared(*PROJECT["optional-dependencies"])


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Statements that importing a module runs: none of a function, a guard or for types alone."""
    for child in ast.iter_child_nodes(node):
        yield child
        guarded = ast.FunctionDef | ast.Lambda | ast.With | ast.Try
        if not isinstance(child, guarded) and "TYPE_CHECKING" not in ast.unparse(child)[:16]:
            yield from at_import(child)


def distributions(path: Path, nodes=ast.walk) -> set[str]:
    """Distributions that a file imports, by the nodes of its tree that count."""
    modules: set[str] = set()
    for node in nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module))
    roots = {name.partition(".")[0] for name in modules} - {*sys.stdlib_module_names, *FOLDERS}
    if path.parent.name == "benchmarks":  # scripts, which import each other by their bare names
        roots -= {each.stem for each in path.parent.glob("*.py")}
    return {DISTRIBUTIONS.get(name, name.replace("_", "-").lower()) for name in roots}


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("ae_lightning", ("export", "heic")),
        ("pipelines", ("pipeline",)),
        ("tests", tuple(PROJECT["optional-dependencies"])),
        ("benchmarks", tuple(PROJECT["optional-dependencies"])),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    allowed = declared(*extras)
    found = {path: distributions(path) - allowed for path in (ROOT / folder).rglob("*.py")}
    assert {str(path): names for path, names in found.items() if names} == {}


def test_what_is_declared_is_imported() -> None:
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    assert EVERYTHING - set().union(*map(distributions, paths)) == set(UNSEEN)


def test_the_library_and_the_commands_on_models_start_with_the_core_alone() -> None:
    """What importing them imports, and so on."""
    core = [name for name in MODULES if name.startswith(("ae_lightning", "pipelines.cli"))]
    queue, seen = core, set()
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += imported_modules(MODULES[name])
    found = {name: distributions(MODULES[name], at_import) - CORE for name in seen}
    assert {name: names for name, names in found.items() if names} == {}


def test_dev_has_all_extras() -> None:
    [ours] = [line for line in PROJECT["optional-dependencies"]["dev"] if "ae-lightning" in line]
    others = set(PROJECT["optional-dependencies"]) - {"dev"}
    assert set(re.findall(r"\w+", ours.partition("[")[2])) == others


def test_every_pin_has_a_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.split(r"\n(?=\w)", lock)[1:]
    pinned = {re.split(r"==|\[", pin)[0] for pin in pins}
    assert {name.replace(".", "-") for name in EVERYTHING} - pinned == set()
    for pin in pins:
        assert re.match(r"[\w.\[\]-]+==\S+[^\n]* \\\n    --hash=sha256:[0-9a-f]{64}", pin), pin
