"""Who may import what, and that dvc.yaml names the code that each stage really uses."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
OURS = ("ae_lightning", "pipelines")
STAGES = sorted(p.stem for p in ROOT.glob("pipelines/stages/[a-z]*.py"))
# It records what happens and decides nothing, so an edit to it rebuilds nothing.
RECORDING = "pipelines/tracking.py"


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


def our_modules(path: Path) -> Iterator[Path]:
    for name in imports(path):
        file = Path(*name.split(".")).with_suffix(".py")
        if name.startswith(OURS) and (ROOT / file).exists():
            yield file


def used_by(path: Path) -> set[str]:
    """The module and all of ours that it imports, directly or not."""
    found: set[str] = set()
    queue = [path]
    while queue:
        file = queue.pop()
        if str(file) not in found and str(file) != RECORDING:
            found.add(str(file))
            queue += our_modules(ROOT / file)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_lists_exactly_the_code_a_stage_imports(stage: str) -> None:
    definition = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]
    deps = definition.get("do", definition)["deps"]
    listed = {dep for dep in deps if dep.startswith(OURS)}
    used = used_by(Path("pipelines/stages") / f"{stage}.py")
    beside = {Path(module).parent / "assets" for module in used}
    used |= {str(folder) for folder in beside if (ROOT / folder).exists()}
    assert listed == used, f"in dvc.yaml, {stage} must list:\n" + "\n".join(sorted(used))


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
