"""Who may import what, and how modules lie in folders and are named."""

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
OURS = ("ae_lightning", "pipelines")
FULL = 20
"""Python files in a folder at most."""
ROOMS = 2
"""Folders in which modules of one name may be, unless it is one of :data:`MODALITIES`."""
MODALITIES = {"images", "documents", "sequences"}
"""Kinds of data: each has a module in many folders."""


def python_files() -> Iterator[Path]:
    for package in OURS:
        yield from (ROOT / package).rglob("*.py")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in python_files()}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from outside_functions(child)


def imported_modules(path: Path) -> set[str]:
    """Modules of ours that a module imports when it is imported, or for type checking."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in outside_functions(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found & MODULES.keys()


@pytest.mark.parametrize(
    ("library", "folders"),
    [("mlflow", ("tracking", "serving")), ("prefect", ("orchestration",))],
)
def test_few_folders_import(library: str, folders: tuple[str, ...]) -> None:
    importers = {
        path.parent
        for path in python_files()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert importers == {ROOT / "pipelines" / folder for folder in folders}


def test_the_library_knows_no_pipeline() -> None:
    forbidden = {"dvc", "prefect", "mlflow", "pipelines"}
    for path in (ROOT / "ae_lightning").rglob("*.py"):
        assert not forbidden & {name.split(".")[0] for name in imports(path)}, path


def test_the_library_needs_no_pipeline() -> None:
    """Every module of it, where what the pipelines stand on cannot be imported."""
    names = [name for name in MODULES if name.split(".")[0] == "ae_lightning"]
    code = (
        "import importlib, sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'dvc', 'prefect', 'mlflow'}:\n"
        "            raise ImportError(f'{name} is blocked')\n"
        "sys.meta_path.insert(0, Blocked())\n"
        f"for name in {sorted(names)}:\n"
        "    importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_library_names_no_variant() -> None:
    """But for those that are also words for what they are, like ``pixels``."""
    variants = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["variants"]
    names = [re.escape(name) for name in variants if re.search(r"[-\d]", name)]
    named = re.compile(rf"(?<![\w-])(?:{'|'.join(names)})(?![\w-])")
    for path in (ROOT / "ae_lightning").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found = named.search(node.value) if id(node) not in prose else None
                assert not found, f"{path}:{node.lineno}: {found}"


def test_no_imports_in_circles() -> None:
    graph = {name: imported_modules(path) for name, path in MODULES.items()}
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"modules import each other: {' <- '.join(error.args[1])}")


def test_no_folder_is_crowded() -> None:
    files = Counter(path.parent for path in python_files())
    assert {str(folder): count for folder, count in files.items() if count > FULL} == {}


def test_a_name_of_a_module_tells_where_it_is() -> None:
    names = Counter(path.stem for path in python_files())
    often = {name for name, count in names.items() if count > ROOMS}
    assert often <= {"__init__", *MODALITIES}


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]
    assert packages == sorted(name for name, path in MODULES.items() if path.stem == "__init__")
    for package, [pattern] in project["tool"]["setuptools"]["package-data"].items():
        assert list((ROOT / package.replace(".", "/")).glob(pattern))


def test_mlflow_from_the_root_is_the_library() -> None:
    assert not list((ROOT / "mlflow").rglob("*.py"))
    code = "import importlib.util as u; print(u.find_spec('mlflow').origin)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip().endswith("site-packages/mlflow/__init__.py")


HEAVY = {
    "lightning",
    "matplotlib",
    "mlflow",
    "pandas",
    "prefect",
    "scipy.stats",
    "sklearn",
    "torch",
    "torchvision",
}
"""Packages that take a tenth of a second and more to import."""
STARTS: dict[str, set[str]] = {
    "--help": set(),
    "prepare": set(),
    "report": {"matplotlib"},
    "tabulate": {"scipy.stats"},
    # Lightning imports torchmetrics, and that torchvision and SciPy; MLflow imports pandas.
    "repeat": {"torch", "torchvision", "lightning"},
    "pretrain": {"mlflow", "pandas"},
    "finetune": set(),
    "supervise": set(),
    "evaluate": {"sklearn"},
}
"""Commands, and what of HEAVY each needs beside what those above it need."""


def test_a_command_imports_nothing_heavy_that_it_does_not_need() -> None:
    """All in one process, those that need least first: a process of its own costs seconds each."""
    code = f"""
import importlib, sys
from typer.testing import CliRunner
from pipelines.cli.main import app

allowed = set()
for name, needed in {STARTS}.items():
    if name == "--help":
        assert CliRunner().invoke(app, [name]).exit_code == 0
    else:
        importlib.import_module(f"pipelines.stages.{{name}}")
    allowed |= needed
    assert {HEAVY} & set(sys.modules) == allowed, (name, {HEAVY} & set(sys.modules) ^ allowed)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
