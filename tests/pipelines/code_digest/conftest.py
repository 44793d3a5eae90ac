"""A project of small data, with and without DVC."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.code_digest import digests
from pipelines.code_digest.reach import Reach
from pipelines.code_digest.source import Source
from tests.pipelines.code_digest.small_project import write_project

ROOT = Path(__file__).parents[3]
SHARED = Reach(Source())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of small data, which is the working folder; our code is read once for all tests."""
    write_project(tmp_path)
    monkeypatch.setattr(digests, "Reach", lambda source: SHARED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dvc(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture
def versioned(project: Path) -> Path:
    """The project with the real dvc.yaml, under git and DVC, its first data set prepared."""
    shutil.copy(ROOT / "dvc.yaml", project)
    shutil.copy(ROOT / ".dvcignore", project)
    for package in ("ae_lightning", "pipelines"):
        (project / package).symlink_to(ROOT / package)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, check=True)
    (project / ".gitignore").write_text("/artifacts\n")
    done = dvc("repro", "prepare@strokes")
    assert done.returncode == 0, done.stderr
    return project
