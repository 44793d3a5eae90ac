"""Processes that end with all they started."""

import os
from pathlib import Path

from ae_lightning.subprocesses import Group
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
