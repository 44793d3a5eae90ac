"""Who may import what."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("ae_lightning", "pipelines")


def python_files() -> Iterator[Path]:
    for package in OURS:
        yield from (ROOT / package).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("library", "homes"),
    [("mlflow", {"recording", "runs", "registry", "served"}), ("prefect", {"flow"})],
)
def test_few_modules_import(library: str, homes: set[str]) -> None:
    importers = {
        str(path.relative_to(ROOT))
        for path in python_files()
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert importers == {f"pipelines/{home}.py" for home in homes}


def test_the_library_knows_no_pipeline() -> None:
    forbidden = {"dvc", "prefect", "mlflow", "pipelines"}
    for path in (ROOT / "ae_lightning").rglob("*.py"):
        assert not forbidden & {name.split(".")[0] for name in imports(path)}, path


def test_mlflow_from_the_root_is_the_library() -> None:
    assert not list((ROOT / "mlflow").rglob("*.py"))
    code = "import importlib.util as u; print(u.find_spec('mlflow').origin)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip().endswith("site-packages/mlflow/__init__.py")


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'lightning', 'mlflow', 'prefect', 'pandas', 'sklearn', 'matplotlib'}"
    code = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli import app; "
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
