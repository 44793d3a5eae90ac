"""prefect.yaml with the installed Prefect, whose commands and server must understand each other."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.server import temporary_server

ROOT = Path(__file__).parents[2]
COMMANDS = (
    ("work-pool", "create", "--type", "process", "local"),
    ("deploy", "--all"),
    ("deployment", "ls"),
)


@pytest.mark.slow
def test_every_deployment_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with temporary_server() as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        for command in COMMANDS:
            answer = subprocess.run(
                [sys.executable, "-m", "prefect", *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "rebuild/rebuild" in answer.stdout
    assert "variant/variant" in answer.stdout
