"""Processes that end with all they started, and the lock that a dead holder lets go of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from ae_lightning.subprocesses import Group
from pipelines.orchestration.lock import only_flow
from tests.conftest import wait_for
from tests.pipelines.conftest import sleepers


def run_in_group(group: Group, script: str, **options: float) -> tuple[object, list[str]]:
    lines: list[str] = []
    end = group.run(["sh", "-c", script], lines.append, cwd=Path(), env=os.environ, **options)
    return end, lines


def test_lines_and_exit_code() -> None:
    end, lines = run_in_group(Group(), "echo one; echo; echo two >&2; exit 3")
    assert (end.code, end.by, lines) == (3, "itself", ["one", "two"])


def test_timeout_ends_the_whole_group_even_if_it_will_not() -> None:
    script = "trap '' TERM; (trap '' TERM; sleep 98765.1 & wait) & sleep 98765.1; sleep 98765.1"
    end, _ = run_in_group(Group(grace=0.5), script, timeout=0.5)
    assert end.by == "timeout"
    wait_for(lambda: not sleepers("98765.1"))


def test_what_a_command_leaves_behind_is_ended() -> None:
    end, _ = run_in_group(Group(), "sleep 98765.2 & exit 0")
    assert (end.code, end.by) == (0, "itself")
    wait_for(lambda: not sleepers("98765.2"))


def test_an_ended_group_starts_nothing() -> None:
    group = Group()
    group.end()
    end, lines = run_in_group(group, "echo never")
    assert (end.by, lines) == ("cancel", [])


def test_two_holders_of_the_lock(toy: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pipelines.orchestration.lock import only_flow\n"
        "with only_flow(Path.cwd()): print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=toy, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(UserError, match=f"pid {holder.pid}, since 2"), only_flow(toy):
        pass
    holder.kill()  # a dead holder holds nothing
    holder.communicate()
    with only_flow(toy), only_flow(toy):
        assert json.loads((toy / ".dvc/tmp/ae-flow.json").read_text())["pid"] == os.getpid()
