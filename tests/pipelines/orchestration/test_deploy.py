"""More machines: prefect.yaml with a real server and worker, a DVC remote between two clones."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.orchestration import dvc
from pipelines.orchestration.prefect_server import temporary_server
from tests.pipelines.conftest import TOY

ROOT = Path(__file__).parents[3]
PREFECT = (sys.executable, "-m", "prefect")
POOL = (*PREFECT, "work-pool", "create", "--type", "process", "local")
DEPLOY = (*PREFECT, "deploy", "--all")
LIST = (*PREFECT, "deployment", "ls")
START = (*PREFECT, "deployment", "run", "variant/variant", "-p", "name=prepare@a")
WORK = (*PREFECT, "worker", "start", "--pool", "local", "--limit", "1", "--run-once")
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b")

pytestmark = pytest.mark.slow


def call(*command: str, at: Path) -> str:
    answer = subprocess.run(
        command, cwd=at, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture
def _server(prefect: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with temporary_server() as url:
        monkeypatch.setenv("PREFECT_API_URL", url)
        yield


def commit(root: Path) -> None:
    call(*GIT, "add", ".", at=root)
    call(*GIT, "commit", "-qm", "all of it", at=root)


@pytest.mark.usefixtures("_server")
def test_every_deployment_is_made() -> None:
    call(*POOL, at=ROOT)
    call(*DEPLOY, at=ROOT)
    made = call(*LIST, at=ROOT)
    assert "rebuild/rebuild" in made
    assert "variant/variant" in made


@pytest.mark.usefixtures("toy", "_server")
def test_a_worker_runs_flows_in_the_checkout_it_was_started_in(toy: Path, tmp_path: Path) -> None:
    (toy / "prefect.yaml").write_text((ROOT / "prefect.yaml").read_text())
    for package in ("pipelines", "ae_lightning"):
        (toy / package).symlink_to(ROOT / package)
    commit(toy)
    other = tmp_path / "another" / "place"
    call(*GIT, "clone", "-q", str(toy), str(other), at=tmp_path)
    for command in (POOL, DEPLOY, START):
        call(*command, at=toy)
    said = call(*WORK, at=other)
    assert "ran in" in said, said
    assert (other / "out" / "a").exists(), said
    assert not (toy / "out").exists()


def test_what_one_clone_trained_another_takes_from_the_remote(toy: Path, tmp_path: Path) -> None:
    (toy / "raw").write_text("raw")
    (toy / "dvc.yaml").write_text(
        TOY.replace("> out/${item}\n", "> out/${item}\n      deps: [raw]\n")
    )
    (toy / ".gitignore").write_text("/out\n")
    call(*dvc.COMMAND, "remote", "add", "--default", "store", str(tmp_path / "store"), at=toy)
    commit(toy)
    clones = [tmp_path / "first", tmp_path / "second"]
    for clone in clones:
        call(*GIT, "clone", "-q", str(toy), str(clone), at=tmp_path)
    call(*dvc.COMMAND, "repro", "pretrain@a", at=clones[0])
    call(*dvc.COMMAND, "push", "--run-cache", at=clones[0])
    call(*dvc.COMMAND, "fetch", "--run-cache", at=clones[1])
    said = call(*dvc.COMMAND, "repro", "--pull", "pretrain@a", at=clones[1])
    assert said.count("is cached - skipping run") == 2, said
    for name in ("out/a", "out/begin-a", "out/end-a", "dvc.lock"):
        assert (clones[1] / name).read_text() == (clones[0] / name).read_text()
