"""The flow over toy DVC projects."""

import json
import signal
from pathlib import Path

import pytest
import yaml

from ae_lightning.errors import UserError
from pipelines.orchestration.lock import only_flow
from pipelines.orchestration.run_stage import stage_timeout
from pipelines.orchestration.summary import measured, metrics_rows
from tests.conftest import PATIENCE, wait_for
from tests.pipelines.conftest import TOY, run_flow, sleepers, start_flow


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
    grades = tmp_path / "artifacts" / "grades" / "judge"
    grades.mkdir(parents=True)
    (grades / "metrics.json").write_text('{"pretrained": {"error@all": {"mean": 0.0123}}}')
    rows = metrics_rows(
        tmp_path,
        lambda data, name: f"http://{data}/{name}",
        measured({"evaluate@deep", "evaluate@pca", "grade@judge", "finetune@old"}),
    )
    assert rows == [
        {"variant": "deep", "SSE": "2.10", "error@all": "", "MLflow run": "http://mnist/deep"},
        {"variant": "pca", "SSE": "13.87", "error@all": "", "MLflow run": "http://mnist/pca"},
        {"variant": "judge", "SSE": "", "error@all": "0.0123", "MLflow run": ""},
    ]


@pytest.mark.slow
def test_independent_stages_overlap_and_the_lock_file_is_complete(toy: Path) -> None:
    both = f"timeout {PATIENCE} sh -c 'until ls out/begin-a out/begin-b; do sleep 0.1; done'"
    (toy / "dvc.yaml").write_text(TOY.replace("sleep 1.5", both))
    code, output = run_flow(toy)
    assert code == 0, output
    times = {path.name: float(path.read_text()) for path in (toy / "out").glob("[be]*-?")}
    assert max(times["begin-a"], times["begin-b"]) < min(times["end-a"], times["end-b"])
    locked = yaml.safe_load((toy / "dvc.lock").read_text())["stages"]
    assert set(locked) == {"prepare@a", "prepare@b", "pretrain@a", "pretrain@b"}
    code, output = run_flow(toy)
    assert code == 0
    assert "All is up to date (4 stages, " in output
    code, output = run_flow(toy, "prepare@a", "pretrain@b")
    assert "prepare@a, pretrain@b are up to date (3 stages, " in output
    (toy / "out" / "a").write_text("changed")
    code, output = run_flow(toy)
    assert code == 0
    assert "2 of 4 stages to look at" in output
    assert output.count("unchanged") == 2, output


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
        flow.wait(PATIENCE)
        wait_for(lambda: not sleepers(mark))
    finally:
        flow.kill()
        flow.communicate()
    with only_flow(toy):  # the checkout is free again
        pass
