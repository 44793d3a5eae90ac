"""Runs in a real PostgreSQL, by MLflow's server with the settings of mlflow/ and without one."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.tracking import provenance, queries, recorder, store
from pipelines.tracking.publish import publish
from tests.conftest import PATIENCE
from tests.pipelines.servers import free_port, running

ROOT = Path(__file__).parents[3]
PASSWORD = "not-to-be-shown"
POINTS = 20
WRITER = f"""
import sys
from pipelines.tracking.recorder import Run
with Run("pair", sys.argv[1], "finetune", {{}}) as run:
    print("open", flush=True)
    sys.stdin.readline()
    for epoch in range({POINTS}):
        run.log_metrics({{"val/loss": float(epoch), "train/loss": 2.0 * epoch}}, step=epoch)
"""

pytestmark = pytest.mark.slow


def program(name: str) -> str:
    """The path of one of PostgreSQL's server programs, which Debian keeps off the PATH."""
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    places = os.pathsep.join([os.environ["PATH"], *map(str, reversed(beside))])
    return shutil.which(name, path=places) or pytest.skip(
        f"PostgreSQL's {name} is not installed: `apt-get install postgresql` brings it"
    )


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The address of a fresh server on loopback that wants a password."""
    initdb, server, port = program("initdb"), program("postgres"), free_port()
    # Not in tmp_path, where only we may go: as root it must run as somebody else.
    with tempfile.TemporaryDirectory() as folder:
        other: dict[str, object] = {}
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(folder, user.pw_uid, user.pw_gid)
        data, secret = Path(folder, "data"), Path(folder, "password")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        make = [initdb, "-D", str(data), "-U", "mlflow", "-A", "scram-sha-256", "--no-sync"]
        make += ["--pwfile", str(secret), "-E", "UTF8", "--locale=C"]
        quiet = {"stdout": subprocess.DEVNULL, "cwd": folder, **other}
        subprocess.run(make, check=True, **quiet)  # type: ignore[call-overload]
        serve = [server, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-c", "fsync=off"]
        serve += ["-c", "unix_socket_directories=", "-c", "logging_collector=off"]
        with running(serve, port, stderr=subprocess.DEVNULL, **quiet):
            yield f"postgresql://mlflow:{PASSWORD}@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server, set up by the example in mlflow/ but for the places."""
    port, folder = free_port(), tmp_path_factory.mktemp("artifacts")
    places = {
        "MLFLOW_BACKEND_STORE_URI": postgres.replace(f":{PASSWORD}", ""),
        "PGPASSWORD": PASSWORD,
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder),
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(port),
        "MLFLOW_WORKERS": "1",
    }
    example = str(ROOT / "mlflow" / "server.env.example")
    command = [sys.executable, "-m", "mlflow", "--env-file", example, "server"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    with running(command, port, env=kept | places, cwd=folder, stdout=subprocess.DEVNULL):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one evaluated variant."""
    (tmp_path / "dvc.yaml").touch()
    model, evaluation = tmp_path / "artifacts/models/deep", tmp_path / "artifacts/evaluation/deep"
    for folder in (model, evaluation):
        folder.mkdir(parents=True)
    (model / "layer-1.safetensors").write_bytes(os.urandom(64))
    metrics = {"knn": {"accuracy@1": 0.9}, "reconstruction": {"sse": 2.5, "psnr": float("inf")}}
    (evaluation / "metrics.json").write_text(json.dumps(metrics))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_ARTIFACTS_DESTINATION", raising=False)
    return tmp_path


@pytest.mark.parametrize("way", ["server", "postgres"])
def test_a_run_is_recorded_resumed_and_published(
    way: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, checkout: Path
) -> None:
    address = request.getfixturevalue(way)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    dataset = f"data-{way}"
    model = Path("artifacts/models/deep")
    (model / "model.json").write_text(json.dumps({"data": dataset}))
    parameters = {"train": {"epochs": 3}, "long": "x" * 7000, "quote": 'it\'s "5 %" \\ ${a}'}
    with recorder.Run(dataset, "deep", "finetune", parameters) as run:
        for epoch, loss in enumerate([3.0, 2.0]):
            run.log_metrics({"val/loss": loss}, step=epoch)
        run.log_model(model)
    with recorder.resume(experiment=dataset, name="deep", model=model, parameters={"k": 5}) as more:
        more.log_metrics({"knn": {"accuracy@1": 0.9}})
    assert more.id == run.id
    assert publish(parameters={}) == ["deep"]  # the rest of metrics.json, and its file
    assert publish(parameters={}) == []

    client = queries.MlflowClient(address)
    stored = client.get_run(run.id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params["quote"] == parameters["quote"]
    assert stored.data.params["long"] == "x" * 6000
    assert (stored.data.params["train.epochs"], stored.data.params["k"]) == ("3", "5")
    assert stored.data.metrics["knn.accuracy_at_1"] == 0.9
    assert stored.data.metrics["reconstruction.sse"] == 2.5
    history = client.get_metric_history(run.id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(0, 3.0), (1, 2.0)]
    local = Path(client.download_artifacts(run.id, "model", str(checkout)))
    assert provenance.digest(local) == provenance.digest(model)
    assert f"/runs/{run.id}?" in str(queries.run_url(dataset, "deep"))
    assert not (checkout / "mlruns").exists()
    assert (checkout / "mlflow" / "artifacts").exists() == (way == "postgres")


def test_the_runs_are_rows_of_the_database(server: str, postgres: str) -> None:
    import psycopg

    assert queries.MlflowClient(server).search_runs(["0"]) == []
    queries.MlflowClient(server).create_run("0", run_name="row")
    with psycopg.connect(postgres) as connection:
        found = connection.execute("SELECT count(*) FROM runs WHERE name = 'row'").fetchone()
    assert found == (1,)


def test_the_server_answers_to_its_names_alone(server: str) -> None:
    url = f"{server}/api/2.0/mlflow/experiments/get?experiment_id=0"
    with urllib.request.urlopen(url) as answer:
        assert answer.status == 200
    stranger = urllib.request.Request(url, headers={"Host": "elsewhere.example.org"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(stranger)


@pytest.mark.parametrize("way", ["server", "fresh"])
def test_two_processes_write_at_the_same_time(
    way: str, postgres: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where both find a database without a table."""
    address = request.getfixturevalue("server") if way == "server" else fresh(postgres)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "other")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
    assert [writer.communicate("go\n", timeout=PATIENCE)[1] for writer in writers] == ["", ""]
    client = queries.MlflowClient(address)
    pair = client.get_experiment_by_name("pair")
    found = client.search_runs([pair.experiment_id])
    assert sorted(run.info.run_name for run in found) == ["one", "other"]
    for run in found:
        assert run.info.status == "FINISHED"
        for name, slope in {"val/loss": 1.0, "train/loss": 2.0}.items():
            history = client.get_metric_history(run.info.run_id, name)
            points = [(point.step, point.value) for point in history]
            assert points == [(epoch, slope * epoch) for epoch in range(POINTS)]


def fresh(postgres: str) -> str:
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fresh")
    return postgres.replace("/postgres", "/fresh").replace("postgresql", "postgresql+psycopg")


def test_a_database_that_is_away_is_told_once_without_the_password(
    postgres: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres.replace("/postgres", "/nowhere"))
    begun = time.monotonic()
    with recorder.Run("a", "b", "finetune", {}) as run:
        run.log_metrics({"c": 1.0})
    [record] = caplog.records
    assert '"nowhere" does not exist' in record.getMessage()
    assert PASSWORD not in record.getMessage()
    assert PASSWORD not in store.shown()
    assert time.monotonic() - begun < 60  # MLflow itself tries for 102 seconds


def test_ae_ui_shows_a_database_without_a_server(
    postgres: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres)
    with recorder.Run("shown", "seen", "finetune", {}) as run:
        run.log_metrics({"a": 1.0})
    port = free_port()
    command = [sys.executable, "-c", "from pipelines.cli.main import main; main()"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with running([*command, "ui", "--port", str(port)], port, env=environment):
        stored = queries.MlflowClient(f"http://127.0.0.1:{port}").get_run(run.id)
    assert stored.data.metrics == {"a": 1.0}
