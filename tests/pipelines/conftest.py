"""A toy DVC project, and the flow over it in a process of its own as a person would start it."""

import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipelines.orchestration.prefect_server import temporary_server
from tests.conftest import PATIENCE

TOY = """
stages:
  prepare:
    foreach: [a, b]
    do:
      cmd: mkdir -p out && date +%s.%N > out/${item}
      outs: ["out/${item}"]
  pretrain:
    foreach: [a, b]
    do:
      cmd: date +%s.%N > out/begin-${item}; sleep 1.5; date +%s.%N > out/end-${item}
      deps: ["out/${item}"]
      outs: ["out/begin-${item}", "out/end-${item}"]
"""
RUN = """
import signal
import sys
from ae_lightning.errors import UserError
from pipelines.orchestration import start
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
try:
    good = start.run(sys.argv[1:], 3)
except UserError as error:
    sys.exit(f"told: {error}")
heavy = {"torch", "lightning", "mlflow", "dvc"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0 if good else 1)
"""


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs; MLflow takes seconds to make the tables."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="module")
def database(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store for the module's tests."""
    return Path(shutil.copy(empty_store, tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="session")
def empty_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder under git and DVC without stages."""
    root = tmp_path_factory.mktemp("checkout")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True)
    return root


@pytest.fixture(scope="session")
def empty_prefect(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PREFECT_HOME without flows; its server takes seconds to make the tables."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        with temporary_server():
            pass
    return home


@pytest.fixture
def prefect(empty_prefect: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PREFECT_HOME of the test's own, and no server."""
    home = shutil.copytree(empty_prefect, tmp_path / "prefect")
    monkeypatch.setenv("PREFECT_HOME", str(home))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    return home


@pytest.fixture
def toy(
    empty_checkout: Path, prefect: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    root = shutil.copytree(empty_checkout, tmp_path / "toy")
    (root / "dvc.yaml").write_text(TOY)
    return root


def start_flow(root: Path, *targets: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *targets],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_flow(root: Path, *targets: str) -> tuple[int, str]:
    flow = start_flow(root, *targets)
    output, _ = flow.communicate(timeout=PATIENCE)
    return flow.returncode, output


def sleepers(mark: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if mark in (process.info["cmdline"] or []) and process.info["status"] != "zombie"
    ]
