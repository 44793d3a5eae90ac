"""The flow over toy DVC projects, in processes of its own as a person would start it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from ae_lightning.errors import UserError
from pipelines.lock import only_flow
from pipelines.processes import Group
from pipelines.reproduce import stage_timeout
from pipelines.results import metrics_rows

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
import sys
from ae_lightning.errors import UserError
from pipelines import flow
try:
    good = flow.run(sys.argv[1:], 3)
except UserError as error:
    sys.exit(f"told: {error}")
heavy = {"torch", "lightning", "mlflow", "dvc"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0 if good else 1)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    root = tmp_path / "toy"
    root.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
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
    output, _ = flow.communicate(timeout=100)
    return flow.returncode, output


def sleepers(mark: str) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if mark in (process.info["cmdline"] or []) and process.info["status"] != "zombie"
    ]


def wait_for(condition: object, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


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
    wait_for(lambda: not sleepers("98765.1"), 3)


def test_what_a_command_leaves_behind_is_ended() -> None:
    end, _ = run_in_group(Group(), "sleep 98765.2 & exit 0")
    assert (end.code, end.by) == (0, "itself")
    wait_for(lambda: not sleepers("98765.2"), 3)


def test_an_ended_group_starts_nothing() -> None:
    group = Group()
    group.end()
    end, lines = run_in_group(group, "echo never")
    assert (end.by, lines) == ("cancel", [])


def test_two_holders_of_the_lock(toy: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pipelines.lock import only_flow\n"
        "with only_flow(Path.cwd()): print('held', flush=True); time.sleep(60)"
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


@pytest.mark.parametrize("text", ["soon", "-1", "0", "nan"])
def test_a_timeout_is_a_positive_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AE_STAGE_TIMEOUT", text)
    with pytest.raises(UserError, match="AE_STAGE_TIMEOUT"):
        stage_timeout()


def test_metrics_rows(tmp_path: Path) -> None:
    for variant, sse in (("pca", 13.872), ("deep", 2.1), ("old", 9.0)):
        folder = tmp_path / "artifacts" / "evaluation" / variant
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps({"reconstruction": {"sse": sse}}))
    (tmp_path / "params.yaml").write_text(
        yaml.safe_dump({"variants": {"pca": {"data": "mnist"}, "deep": {"data": "mnist"}}})
    )
    rows = metrics_rows(tmp_path, lambda data, name: f"http://{data}/{name}", without=["old"])
    assert rows == [
        {"variant": "deep", "SSE": "2.10", "MLflow run": "http://mnist/deep"},
        {"variant": "pca", "SSE": "13.87", "MLflow run": "http://mnist/pca"},
    ]


@pytest.mark.slow
def test_independent_stages_overlap_and_the_lock_file_is_complete(toy: Path) -> None:
    code, output = run_flow(toy)
    assert code == 0, output
    times = {path.name: float(path.read_text()) for path in (toy / "out").glob("[be]*-?")}
    assert max(times["begin-a"], times["begin-b"]) < min(times["end-a"], times["end-b"])
    locked = yaml.safe_load((toy / "dvc.lock").read_text())["stages"]
    assert set(locked) == {"prepare@a", "prepare@b", "pretrain@a", "pretrain@b"}
    code, output = run_flow(toy)
    assert code == 0
    assert output.count("unchanged") == 4, output


@pytest.mark.slow
def test_a_failure_stops_its_descendants_alone(toy: Path) -> None:
    (toy / "dvc.yaml").write_text(TOY.replace("mkdir -p out", "test ${item} = a && mkdir -p out"))
    code, output = run_flow(toy)
    assert code == 1, output
    assert (toy / "out" / "end-a").exists()
    assert "not run" in output
    assert "exited with 1" in output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_survives_the_end_of_the_flow(toy: Path, number: int) -> None:
    mark = f"98765.{10 + number}"
    (toy / "dvc.yaml").write_text(TOY.replace("sleep 1.5", f"(sleep {mark} & sleep {mark})"))
    flow = start_flow(toy, "pretrain@a")
    try:
        wait_for(lambda: len(sleepers(mark)) == 2)
        flow.send_signal(number)
        flow.wait(30)
        wait_for(lambda: not sleepers(mark), 15)
    finally:
        flow.kill()
        flow.communicate()
    with only_flow(toy):  # the checkout is free again
        pass
