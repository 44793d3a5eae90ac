"""Runs in real stores: SQLite files and a real server, read back with MLflow's own client."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.cli import operations
from pipelines.tracking import provenance, queries, recorder, store
from pipelines.tracking.publish import publish
from pipelines.tracking.store import Guard
from tests.conftest import wait_for
from tests.pipelines.servers import free_port

ROOT = Path(__file__).parents[3]

SLEEP = "time.sleep(600)"
HOLD = """
import os, signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
from ae_lightning.config.environment import environment
from ae_lightning.distributed.launch import together
from pipelines.tracking.recorder import Run
with together(environment()), Run("toy", "held", "finetune", {{}}) as run:  # as a stage does
    print(run.id, flush=True)
    {then}
"""


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch, database):
    """An empty repository with the module's store."""
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    for rank in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID", "AE_FLOW_RUN_ID"):
        monkeypatch.delenv(rank, raising=False)
    return tmp_path


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "artifacts" / "models" / "deep"
    folder.mkdir(parents=True)
    (folder / "model.json").write_text('{"data": "toy"}')
    (folder / "layer-1.safetensors").write_bytes(os.urandom(64))
    return folder


@pytest.fixture
def client():
    return lambda: queries.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])


def begin(name="deep", **changes):
    settings = {"experiment": "toy", "name": name, "stage": "finetune", "parameters": {}}
    return recorder.Run(**settings | changes)


def test_a_run_holds_parameters_metrics_files_and_status(client, model):
    parameters = {"training": {"epochs": 3, "betas": [0.9, 0.99]}, "long": "x" * 7000, "at@1": None}
    with begin(parameters=parameters) as run:
        run.log_metrics({"knn": {"accuracy@1": 0.5, "note": "text"}})
        run.log_model(model)
    stored = client().get_run(run.id)
    assert stored.info.run_name == "deep"
    assert stored.info.status == "FINISHED"
    assert stored.data.params["training.epochs"] == "3"
    assert stored.data.params["training.betas"] == "[0.9, 0.99]"
    assert stored.data.params["at_at_1"] == "null"
    assert stored.data.params["long"] == "x" * 6000
    assert stored.data.metrics == {"knn.accuracy_at_1": 0.5}
    files = {file.path for file in client().list_artifacts(run.id, "model")}
    assert files == {"model/model.json", "model/layer-1.safetensors"}
    assert "parameters.json" in {file.path for file in client().list_artifacts(run.id)}
    assert stored.data.tags["model.digest"] == provenance.digest(model)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED")],
)
def test_an_exception_decides_the_status(client, error, status):
    with pytest.raises(error), begin() as run:
        raise error
    assert client().get_run(run.id).info.status == status


def test_identity_tags_and_dataset(client, checkout, monkeypatch):
    (checkout / "dvc.lock").write_text(
        "stages:\n  prepare@toy:\n    cmd: x\n    outs:\n"
        "    - {path: artifacts/prepared/toy, md5: 0123456789abcdef0123456789abcdef.dir}\n"
    )
    (checkout / "data.dvc").write_text("outs:\n- {md5: fedcba.dir, path: data/toy}\n")
    monkeypatch.setenv("AE_FLOW_RUN_ID", "flow-7")
    prepared = Path("artifacts/prepared/toy")
    with begin(inputs=[prepared, Path("data/toy"), Path("none")], dataset=prepared) as run:
        pass
    stored = client().get_run(run.id)
    tags = stored.data.tags
    assert tags["dvc.artifacts/prepared/toy"] == "0123456789abcdef0123456789abcdef.dir"
    assert tags["dvc.data/toy"] == "fedcba.dir"
    assert "dvc.none" not in tags
    assert tags["prefect.flow_run_id"] == "flow-7"
    assert tags["process.pid"] == str(os.getpid())
    assert tags["process.host"] == socket.gethostname()
    [entry] = stored.inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == ("toy", tags["dvc.artifacts/prepared/toy"])


def test_hashes_are_those_of_the_lock_as_it_is_now(checkout):
    path = Path("artifacts/models/deep")
    for md5 in ("one.dir", "another.dir"):
        outs = f"outs: [{{path: {path.as_posix()}, md5: {md5}}}]"
        (checkout / "dvc.lock").write_text(f"stages:\n  finetune@deep:\n    {outs}\n")
        assert provenance.dvc_hashes([path]) == {path: md5}
    (checkout / "dvc.lock").unlink()
    assert provenance.dvc_hashes([path]) == {}


def test_git_commit_and_dirt(checkout):
    def git(*words):
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *author, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    provenance._git.cache_clear()
    assert provenance.commit() == {}
    git("init")
    git("add", "dvc.yaml")
    git("commit", "-m", "first")
    provenance._git.cache_clear()
    clean = provenance.commit()
    assert clean["git.commit"] == git("rev-parse", "HEAD")
    assert clean["git.dirty"] == "false"
    (checkout / "dvc.yaml").write_text("stages: {}\n")
    provenance._git.cache_clear()
    assert provenance.commit()["git.dirty"] == "true"
    provenance._git.cache_clear()


def test_resume_goes_on_in_the_run_that_made_the_model(client, model):
    with begin("resumed", parameters={"a": 1}) as first:
        first.log_model(model)
    with begin("resumed") as second:  # newer, of another model
        pass
    figures = model.parents[1] / "evaluation" / "deep"
    figures.mkdir(parents=True)
    (figures / "codes.png").write_bytes(b"png")
    with recorder.resume(
        experiment="toy", name="resumed", model=model, parameters={"a": 2, "b": 3}
    ) as run:
        run.log_files(figures)
    assert run.id == first.id
    stored = client().get_run(run.id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"a": "1", "b": "3"}
    assert stored.data.tags["evaluation.digest"] == provenance.digest(figures)
    current = {id_: client().get_run(id_).data.tags["current"] for id_ in (run.id, second.id)}
    assert current == {run.id: "true", second.id: "false"}
    assert f"/runs/{run.id}?" in queries.run_url("toy", "resumed")


def test_resume_without_a_run_begins_one_with_the_model(client, model):
    with recorder.resume(experiment="toy", name="pulled", model=model, parameters={}) as run:
        run.log_metrics({"a": 1})
    stored = client().get_run(run.id)
    assert stored.data.tags["model.digest"] == provenance.digest(model)
    assert stored.data.metrics == {"a": 1}


def test_a_digest_is_of_names_and_contents_alone(tmp_path):
    files = {"b/c.bin": b"1", "a.json": b"{}"}
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder, order in zip(folders, [sorted(files), sorted(files, reverse=True)], strict=True):
        for name in order:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(files[name])
    os.utime(folders[1] / "a.json", (0, 0))
    before = provenance.digest(folders[0])
    assert provenance.digest(folders[1]) == before
    (folders[1] / "a.json").rename(folders[1] / "A.json")
    assert provenance.digest(folders[1]) != before
    (folders[0] / "b/c.bin").write_bytes(b"2")
    assert provenance.digest(folders[0]) != before


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("No username set")])
def test_a_user_without_a_name_is_a_number(client, monkeypatch, error):
    def nobody(*_):
        raise error

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with begin("nameless") as run:
        pass
    assert client().get_run(run.id).data.tags["mlflow.user"] == str(os.getuid())


@pytest.mark.parametrize("rank", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_an_empty_rank_is_none(client, monkeypatch, rank):
    monkeypatch.setenv(rank, "")
    with begin("unranked") as run:
        pass
    assert client().get_run(run.id).info.status == "FINISHED"


@pytest.mark.parametrize("rank", ["RANK", "LOCAL_RANK", "SLURM_PROCID"])
def test_other_ranks_write_nothing(client, monkeypatch, caplog, rank, model):
    monkeypatch.setenv(rank, "1")
    with begin("ranked") as run:
        run.log_metrics({"a": 1})
        run.log_model(model)
    assert run.id is None
    assert queries.run_url("toy", "ranked") is None
    assert not caplog.records


def test_a_broken_store_is_told_once_and_the_work_goes_on(tmp_path, monkeypatch, caplog, model):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database at all, but long enough to be read as one" * 20)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{broken}")
    begun = time.monotonic()
    with begin() as run:
        run.log_metrics({"a": 1})
        run.log_model(model)
    [record] = caplog.records
    assert "ae publish" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert time.monotonic() - begun < 60  # MLflow itself tries for 102 seconds
    assert queries.close_orphans() == 0


@contextmanager
def answering(answer):
    """A server on loopback that is none of MLflow's; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as known:
        known.daemon_threads, known.block_on_close = True, False
        threading.Thread(target=known.serve_forever, args=(0.01,), daemon=True).start()
        yield known.server_port
        known.shutdown()


def page(status):
    def answer(request):
        request.send_response(status)
        request.end_headers()
        request.wfile.write(b"<html>a router's page")

    return answer


def hangs(request):
    time.sleep(5)


def hangs_up(request):
    request.connection.close()


def protocol(request):
    request.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")


LINE = r"^MLFLOW_TRACKING_URI: .*; (start|correct) it"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{}", "http://u:secret@127.0.0.1:{}/", "127.0.0.1:{}"]
)
@pytest.mark.parametrize(
    "answer",
    [page(200), page(404), page(401), hangs, hangs_up, protocol],
    ids=["200", "404", "401", "hangs", "hangs up", "another protocol"],
)
def test_what_is_no_store_is_told_once_and_the_work_goes_on(
    tmp_path, monkeypatch, caplog, model, address, answer
):
    for name, value in {"MAX_RETRIES": "0", "TIMEOUT": "1"}.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    with answering(answer) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.format(port))
        with begin() as run:
            run.log_metrics({"val/loss": 1.0})
            run.log_model(model)
        assert run.guard.lost
        assert len(caplog.records) == 1
        for command in (lambda: publish(parameters={}), lambda: operations.ui(port)):
            with pytest.raises(
                UserError, match=r"^MLFLOW_TRACKING_URI: .*; (start|correct) it"
            ) as told:
                command()
            assert "secret" not in str(told.value)
            assert "\n" not in str(told.value)
        guard = Guard()
        assert [queries.run_url("toy", name, guard) for name in "abc"] == [None] * 3
    assert "secret" not in caplog.text
    assert not list(tmp_path.glob("127*"))


@pytest.mark.parametrize(
    "address",
    ["foo://bar", "mysql://nowhere/db", "sqlite:////dev/null/x.db", "http://", "http://[::1"],
)
def test_an_address_that_is_none(monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with begin() as run:
        pass
    assert run.guard.lost
    with pytest.raises(UserError, match=r"^MLFLOW_TRACKING_URI: "):
        operations.ui(free_port())


@pytest.mark.parametrize("level", ["nonsense", "", "debug", "10"])
def test_a_level_of_logging_that_mlflow_refuses(level):
    code = "from pipelines.tracking import queries; print(queries.store.uri())"
    environment = os.environ | {"MLFLOW_LOGGING_LEVEL": level}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)


def test_an_error_of_the_block_passes_though_the_store_is_broken(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}")  # a folder
    with pytest.raises(ZeroDivisionError), begin():
        _ = 1 / 0


def test_the_default_store_lies_beside_dvc_yaml(checkout, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    below = checkout / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert store.uri() == f"sqlite:///{checkout}/mlflow/mlflow.db"
    assert store.artifacts() == (checkout / "mlflow" / "artifacts").as_uri()


def test_a_deleted_experiment_is_taken_back(client):
    with begin(experiment="binned"):
        pass
    known = client().get_experiment_by_name("binned").experiment_id
    client().delete_experiment(known)
    with begin(experiment="binned") as run:
        pass
    assert client().get_run(run.id).info.experiment_id == known


def test_orphans_are_the_runs_of_dead_processes_of_this_host(client):
    with begin("living") as run:
        known = client().get_run(run.id)
        dead = known.data.tags | {"process.started": "1.00"}
        orphan = client().create_run(known.info.experiment_id, tags=dead).info.run_id
        other = client().create_run(
            known.info.experiment_id, tags=dead | {"process.host": "elsewhere"}
        )
        assert queries.close_orphans() == 1
        assert client().get_run(orphan).info.status == "KILLED"
        assert client().get_run(other.info.run_id).info.status == "RUNNING"
        assert client().get_run(run.id).info.status == "RUNNING"


def test_a_taken_port_is_told(capsys):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with pytest.raises(UserError, match=f"{port} is taken"):
            store.serve(port)


def hold(then):
    """A process, leader of its own group, that holds a run, and the run's id."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(then=then)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process, process.stdout.readline().strip()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT], ids=["terminate", "interrupt"])
def test_a_process_that_is_told_to_end_ends_its_run(client, ending):
    process, run = hold(SLEEP)
    process.send_signal(ending)
    process.communicate()
    assert client().get_run(run).info.status == "KILLED"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["ui", "publish", "flow"])
def test_the_next_command_ends_the_run_of_killed_processes(command, client, request, monkeypatch):
    def flow():
        code = "from pipelines.cli.main import main; main()"
        ae_flow = [sys.executable, "-c", code, "flow", "prepare@a"]
        toy = request.getfixturevalue("toy")
        subprocess.run(ae_flow, cwd=toy, check=True, stdout=subprocess.DEVNULL)

    monkeypatch.setattr(store, "serve", print)
    next_command = {
        "ui": lambda: operations.ui(5000),
        "publish": lambda: publish(parameters={}),
        "flow": flow,
    }[command]
    process, run = hold(f"os.fork(); {SLEEP}")  # a worker holds copies of all that is open
    os.killpg(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # not reaped: a zombie counts as dead
    assert client().get_run(run).info.status == "RUNNING"
    next_command()
    assert client().get_run(run).info.status == "KILLED"
    process.communicate()


@pytest.mark.slow
def test_two_processes_begin_on_a_fresh_store_together(tmp_path, monkeypatch, client):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/new/mlflow.db")
    held = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD.format(then="pass")], stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate()[1] for process in held] == ["", ""]
    [experiment] = [e for e in client().search_experiments() if e.name == "toy"]
    found = client().search_runs([experiment.experiment_id])
    assert [run.info.status for run in found] == ["FINISHED", "FINISHED"]
    assert not (tmp_path / "mlruns").exists()


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A real server on a free port, ended by its own process group's id."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", f"from pipelines.tracking import store; store.serve({port})"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/server/mlflow.db"},
    )

    def answers():
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for(answers)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    yield lambda: (os.killpg(process.pid, signal.SIGKILL), process.wait())
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_a_server_that_dies_midway(server, client, model, caplog):
    with begin() as whole:
        whole.log_metrics({"val/loss": 1.0}, step=3)
        whole.log_model(model)
    stored = client().get_run(whole.id)
    assert stored.data.tags["model.digest"] == provenance.digest(model)
    assert stored.info.artifact_uri.startswith("mlflow-artifacts:")
    base = os.environ["MLFLOW_TRACKING_URI"]
    experiment = stored.info.experiment_id
    address = f"{base}/#/experiments/{experiment}/runs/{whole.id}?"
    assert queries.run_url("toy", "deep").startswith(address)
    with begin() as run:
        run.log_metrics({"val/loss": 1.0})
        server()
        begun = time.monotonic()
        for epoch in range(5):
            run.log_metrics({"val/loss": 1.0}, step=epoch)
        run.log_model(model)
    assert time.monotonic() - begun < 60
    assert len(caplog.records) == 1
    assert run.guard.lost


@pytest.mark.slow
def test_the_logger_records_epochs_as_lightning_trains(client):
    import torch
    from lightning.pytorch import LightningModule, Trainer

    class Line(LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def training_step(self, batch, _):
            loss = ((self.weight - batch) ** 2).mean()
            self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=1)
            return loss

        def validation_step(self, batch, _):
            self.log("val/loss", self.current_epoch * 10.0, batch_size=1)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.DataLoader(torch.ones(4, 1))
    with begin("trained") as run:
        trainer = Trainer(
            max_epochs=3,
            logger=run.logger,
            accelerator="cpu",
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Line(), data, data)
    history = client().get_metric_history(run.id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(0, 0.0), (1, 10.0), (2, 20.0)]
    losses = [point.value for point in client().get_metric_history(run.id, "train/loss")]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    assert client().get_run(run.id).data.metrics.keys() == {"train/loss", "val/loss"}


EPOCHS = [
    {"epoch": 1, "seconds": 1.5, "train/loss": 2.0},
    {"epoch": 2, "seconds": 3.0, "train/loss": 1.0, "val/error": 0.25},
]


def test_the_parts_of_a_run_lie_below_it(client):
    with begin(name="judge", stage="supervise") as run:
        run.log_child("random-10-0", {"start": "random", "labels": 10}, EPOCHS)
        run.log_child("random-10-1", {"start": "random", "labels": 10}, EPOCHS[:1])
        run.log_child_metrics({"random-10-1": {"error": 0.5}, "other": {"error": 0.1}})
    parts = queries.children(run.id)
    assert set(parts) == {"random-10-0", "random-10-1"}
    part = client().get_run(parts["random-10-0"].info.run_id)
    assert part.info.run_name == "judge/random-10-0"
    assert part.info.status == "FINISHED"
    assert part.info.end_time - part.info.start_time >= 2990
    assert part.data.params == {"start": "random", "labels": "10"}
    assert part.data.tags["mlflow.parentRunId"] == run.id
    assert part.data.metrics["val/error"] == 0.25
    history = client().get_metric_history(part.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(0, 2.0), (1, 1.0)]
    assert parts["random-10-1"].data.metrics["error"] == 0.5


def test_only_the_newest_runs_parts_are_current(client):
    both = []
    for _ in range(2):
        with begin(name="clerk", stage="supervise") as run:
            run.log_child("frozen-10-0", {}, EPOCHS)
        both.append(run.id)
    found = [queries.children(run)["frozen-10-0"].data.tags["current"] for run in both]
    assert found == ["false", "true"]


def test_more_parts_than_a_page_are_all_found(client, monkeypatch):
    search, limit = queries.MlflowClient.search_runs, 2

    def paged(self, *args, **options):
        return search(self, *args, **options | {"max_results": limit})

    with begin(name="many", stage="supervise") as run:
        for number in range(5):
            run.log_child(f"random-10-{number}", {}, EPOCHS)
    monkeypatch.setattr(queries.MlflowClient, "search_runs", paged)
    assert len(queries.children(run.id)) == 5


def test_a_layer_with_a_variants_name_stays_current(client):
    with begin("namesakes", stage="pretrain") as layer:
        pass
    with begin("namesakes") as variant:
        pass
    for run in (layer, variant):
        assert client().get_run(run.id).data.tags["current"] == "true"
    assert f"/runs/{variant.id}?" in queries.run_url("toy", "namesakes")
