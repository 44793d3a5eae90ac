"""The flow when another DVC is in its way, a stage hangs or errs, or a kill broke DVC's files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import zc.lockfile

from ae_lightning.errors import UserError
from ae_lightning.subprocesses import Group
from pipelines.orchestration import dag, dvc
from pipelines.orchestration.run_stage import StageError, run_stage
from tests.conftest import PATIENCE, wait_for
from tests.pipelines.conftest import run_flow, sleepers, start_flow
from tests.pipelines.servers import free_port

ONE = """
stages:
  one:
    cmd: {}
    deps: [given]
    outs: [made]
"""


@pytest.fixture
def one(toy: Path) -> Path:
    """A project of a single stage, which has run."""
    (toy / "given").write_text("given")
    (toy / "dvc.yaml").write_text(ONE.format("cp given made"))
    subprocess.run([*dvc.COMMAND, "repro", "-q"], cwd=toy, check=True)
    return toy


def bring(root: Path) -> str:
    options = {"root": root, "flow_run_id": "", "timeout": PATIENCE}
    return run_stage("one", Group(), lambda _: None, **options).how  # type: ignore[arg-type]


@pytest.mark.slow
def test_another_dvc_is_waited_for(one: Path) -> None:
    """It holds the project's lock until the flow has begun, and the stage's output until tried."""
    entries = one / ".dvc" / "tmp" / "rwlock"
    holder = {"pid": os.getpid(), "cmd": "dvc of another"}
    entries.write_text(json.dumps({"write": {str(one / "made"): holder}}))
    lock = zc.lockfile.LockFile(str(one / ".dvc" / "tmp" / "lock"))  # as DVC holds it
    (one / "given").write_text("changed")
    flow = start_flow(one)
    assert flow.stdout is not None
    seen = []
    for line in flow.stdout:
        seen.append(line)
        if "stages to look at" in line:
            assert "1 of 1" in line
            lock.close()
        if "will be tried again" in line:
            entries.unlink()
    assert flow.wait(PATIENCE) == 0, "".join(seen)
    assert any("is busy" in line for line in seen)
    assert (one / "made").read_text() == "changed"


@pytest.mark.slow
def test_a_stage_that_hangs_is_ended(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "dvc.yaml").write_text(
        "stages: {hang: {cmd: 'touch begun; sleep 98765.5 & sleep 98765.5', outs: [made]}}"
    )
    monkeypatch.setenv("AE_STAGE_TIMEOUT", "20")
    code, output = run_flow(toy)
    assert code == 1, output
    assert (toy / "begun").exists()
    assert "hang: took longer than AE_STAGE_TIMEOUT allows (20 s)" in output
    assert not sleepers("98765.5")


@pytest.mark.slow
def test_a_persons_mistake_is_told_once_and_not_tried_again(toy: Path) -> None:
    (toy / "dvc.yaml").write_text(
        "stages: {one: {cmd: 'echo x >> tries; ae prepare mnist', outs: [made]}}"
    )
    code, output = run_flow(toy)
    assert code == 1, output
    assert (toy / "tries").read_text() == "x\n"
    assert "one: params.yaml: not found" in output


@pytest.mark.slow
@pytest.mark.parametrize("before", ["schema", "d: cp given", "sh: md5"])
def test_a_dvc_lock_that_a_kill_cut_short(one: Path, before: str) -> None:
    lock = one / "dvc.lock"
    lock.write_text(lock.read_text().partition(before)[0])
    broken = pytest.raises(UserError, match=r"dvc\.lock is broken.*`git checkout dvc\.lock`")
    with dag.DvcReader(one) as reader, broken:
        reader.graph()
    with pytest.raises(StageError, match=r"dvc\.lock is broken.*delete it"):
        bring(one)
    lock.unlink()  # as told
    assert bring(one) == "from DVC's cache"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", '{"write": {"/a', '{"write": 3}'])
def test_an_rwlock_that_a_kill_cut_short(one: Path, text: str) -> None:
    entries = one / ".dvc" / "tmp" / "rwlock"
    entries.write_text(text)
    with pytest.raises(StageError, match=r"rwlock is broken.*delete it"):
        bring(one)
    entries.unlink()  # as told
    assert bring(one) == "unchanged"


@pytest.mark.slow
def test_dvc_removes_a_dead_process_from_the_rwlock(one: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    entries = one / ".dvc" / "tmp" / "rwlock"
    holder = {"pid": dead.pid, "cmd": "dvc that was killed"}
    entries.write_text(json.dumps({"write": {str(one / "made"): holder}}))
    (one / "given").write_text("changed")
    assert bring(one) == "ran"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["/api", ""])
def test_a_prefect_server_that_is_away_is_told(
    one: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}{end}")
    (one / "given").write_text("changed")
    code, output = run_flow(one)
    assert code == 1
    assert "told: PREFECT_API_URL: must be a server of Prefect" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_a_prefect_server_that_dies_ends_the_flow(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "dvc.yaml").write_text(
        "stages: {hang: {cmd: 'touch begun; sleep 98765.8', outs: [made]}}"
    )
    flow = start_flow(toy)
    wait_for((toy / "begun").exists)
    [server] = [
        child for child in psutil.Process(flow.pid).children() if "prefect" in child.cmdline()
    ]
    server.kill()
    output, _ = flow.communicate(timeout=PATIENCE)
    assert flow.returncode == 1, output
    assert "told: PREFECT_API_URL: the server must answer until the flow ends" in output
    assert "Traceback" not in output
    assert not sleepers("98765.8")
