"""A project of small data, with and without DVC."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.code_digest import digests
from pipelines.code_digest.digests import FILE
from pipelines.code_digest.reach import Reach
from pipelines.code_digest.source import Source
from tests.pipelines.code_digest.small_project import write_project

ROOT = Path(__file__).parents[3]
DVC = (sys.executable, "-m", "dvc")
SHARED = Reach(Source())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of small data, which is the working folder; our code is read once for all tests."""
    write_project(tmp_path)
    monkeypatch.setattr(digests, "Reach", lambda source: SHARED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_ae() -> dict[str, str]:
    """The environment in which the stages' command ``ae`` is found, whoever started the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path}


def dvc(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DVC, *words], capture_output=True, text=True, env=with_ae())


@pytest.fixture(scope="module")
def repository(empty_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the real dvc.yaml, under git and DVC, its first data set prepared."""
    folder = tmp_path_factory.mktemp("repository")
    shutil.copytree(empty_checkout, folder, dirs_exist_ok=True)
    write_project(folder)
    shutil.copy(ROOT / "dvc.yaml", folder)
    shutil.copy(ROOT / ".dvcignore", folder)
    for package in ("ae_lightning", "pipelines"):
        (folder / package).symlink_to(ROOT / package)
    (folder / ".gitignore").write_text("/artifacts\n")
    command = [*DVC, "repro", "-q", "prepare@strokes"]
    subprocess.run(command, check=True, cwd=folder, env=with_ae())
    return folder


@pytest.fixture
def versioned(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That project as the working folder; its code.yaml is mended afterwards."""
    monkeypatch.chdir(repository)
    good = FILE.read_text()
    yield repository
    FILE.write_text(good)
