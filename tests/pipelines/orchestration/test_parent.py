"""Stages end with the process that runs them, as with a `dvc repro` that was killed."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.pipelines.conftest import sleepers

ROOT = Path(__file__).parents[3]
STAGE = """
import sys, time
from pipelines.orchestration import parent
parent.end_with_parent()
print("up", flush=True)
time.sleep(float(sys.argv[1]))
"""
# As DVC runs a stage: a shell with a command, in the same group, waited for.
RUNNER = """
import subprocess, sys
subprocess.Popen(sys.argv[1:]).communicate()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("form", ["{}", "{}; true", "({}; true); true"])
def test_a_stage_ends_when_what_runs_it_is_killed(
    shell: str, form: str, number: int, tmp_path: Path
) -> None:
    script, mark = tmp_path / "stage.py", f"98765.3{os.getpid()}"
    script.write_text(textwrap.dedent(STAGE))
    command = form.format(f"{sys.executable} {script} {mark}")
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, shell, "-c", command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert runner.stdout is not None
    assert runner.stdout.readline() == b"up\n"
    assert sleepers(mark)
    runner.send_signal(number)
    wait_for(lambda: not sleepers(mark))
    runner.communicate()


def test_a_stage_that_ends_by_itself_is_left_alone(tmp_path: Path) -> None:
    code = "from pipelines.orchestration import parent; parent.end_with_parent(); print('done')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
