"""``ae publish`` to a real MLflow server, and ``mlflow models serve`` asked over HTTP."""

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pytest
import torch

from ae_lightning import load
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.training.closed_form import pca_stack
from pipelines.tracking import queries
from tests.pipelines.servers import free_port, running

ROOT = Path(__file__).parents[3]
PARAMS = """
datasets:
  mnist: {kind: idx, path: data/tiny}
  notes: {kind: documents, path: notes.jsonl}
variants:
  pca-30: {data: mnist, input: prepared/mnist, kind: pca, sizes: [30]}
  text: {data: notes, input: prepared/notes, weights: tfidf, output: softmax, sizes: [7, 4]}
"""

VIEW = re.compile(r"viewStateShareKey=(\w+)")
pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path, monkeypatch, tiny, notes):
    """Images whose data are called mnist, for there is a task, and documents."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    models = tmp_path / "artifacts/models"
    checkpoint.save(pca_stack(tiny, 30), models / "pca-30", "mnist")
    dense = chain_specs(notes.features, [7, 4], hidden="gelu", code="linear", output="softmax")
    text = Stack(checkpoint.build(dense).layers, Weighting("tfidf", torch.rand(notes.features)))
    checkpoint.save(text, models / "text", "notes")
    tiny.folder.rename(tiny.folder.parent / "mnist")
    metrics = tmp_path / "artifacts/evaluation/pca-30/metrics.json"
    metrics.parent.mkdir(parents=True)
    figures = {"code": {"size": 30}, "validation": {"reconstruction": {"sse": 2.0}}}
    metrics.write_text(json.dumps(figures))
    page = tmp_path / "artifacts/report/index.html"
    page.parent.mkdir()
    page.write_text("<p>the report</p>")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


@pytest.fixture
def server(tmp_path_factory, monkeypatch):
    """MLflow's own server with an empty store."""
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    command += ["--port", str(port), "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running(command, port, cwd=folder, env=quiet, **silent):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        yield


def ae_publish(project):
    command = [sys.executable, "-c", "from pipelines.cli.main import main; main()", "publish"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def serving(uri, port, folder):
    """``mlflow models serve`` in a folder where there is nothing."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    # mlflow starts uvicorn by name
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return running(command, port, cwd=folder, env=environment, **silent)


def ask(port, body):
    """The status and the answer, or the line that says what is wrong."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)["predictions"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["message"]


def state():
    """All that the registry and the runs say."""
    client = queries.client()
    models = [dict(one) for one in client.search_registered_models()]
    versions = [dict(one) for one in client.search_model_versions()]
    experiments = [one.experiment_id for one in client.search_experiments()]
    found = [one.to_dictionary() for one in client.search_runs(experiments)]
    tags = [one.tags for one in client.search_experiments()]
    return repr((models, versions, found, tags))


def the_ui_leads_from_page_to_page():
    """Descriptions name runs, models and files that the server has."""
    client = queries.client()
    experiment = client.get_experiment_by_name("mnist")
    [run] = client.search_runs([experiment.experiment_id])
    model = client.get_registered_model("pca-30")
    assert "SSE" not in model.description  # the test part was not measured
    assert f"#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}?" in model.description
    note = run.data.tags["mlflow.note.content"]
    assert note.startswith("Principal component analysis, in closed form 64-30, on mnist.")
    assert "#/models/pca-30?" in note
    [page] = re.findall(r"#/experiments/(\d+)/runs/(\w+)/artifacts/index.html\?", note)
    assert client.get_run(page[1]).info.experiment_id == page[0]
    assert [file.path for file in client.list_artifacts(page[1])] == ["index.html"]
    for named in (model.description, experiment.tags["mlflow.note.content"]):
        assert page[1] in named
    key = f"mlflow.sharedViewState.{VIEW.search(experiment.tags['mlflow.note.content'])[1]}"
    state = json.loads(json.loads(experiment.tags[key])["state"])
    found = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert [one.info.run_id for one in found] == [run.info.run_id]


def test_a_server_that_refuses_is_told_in_a_line(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    command = [sys.executable, "-c", "from pipelines.cli.main import main; main()", "publish"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ae: MLFLOW_TRACKING_URI: the tracking store must answer")


def test_published_and_served_over_http(project, server, tmp_path_factory):
    said = ae_publish(project)
    assert "champion of mnist-reconstruct-30: models:/pca-30@champion\n" in said
    before = state()
    assert ae_publish(project) == ""
    assert state() == before
    the_ui_leads_from_page_to_page()
    given = np.load("artifacts/prepared/mnist/test_inputs.npy").astype("float32") / 255
    images, texts = load("pca-30"), load("text")
    model = mlflow.pyfunc.load_model("models:/pca-30@champion")
    np.testing.assert_array_equal(model.predict(given), images.encode(given))
    codes, back = images.encode(given), images.reconstruct(given)
    words = ["crude oil barrel", "wheat harvest"]
    text_codes, text_back = texts.encode(words), texts.reconstruct(words)

    nowhere, port = tmp_path_factory.mktemp("nowhere"), free_port()
    with serving("models:/pca-30@champion", port, nowhere):
        reconstruct = {"what": "reconstruct"}
        status, answer = ask(port, {"inputs": given.tolist()})
        assert status == 200
        np.testing.assert_allclose(answer, codes, atol=1e-5)
        status, answer = ask(port, {"instances": given.tolist(), "params": reconstruct})
        np.testing.assert_allclose(answer, back, atol=1e-5)
        for body, line in [
            ({"inputs": given[:, :7].tolist()}, "images: must be (N, 8, 8) or flat (N, 64), found"),
            ({"inputs": (255 * given).tolist()}, "images: floats must be from 0 to 1, found"),
            ({"inputs": np.full((1, 8, 8), np.nan).tolist()}, "images: must be finite, found nan"),
            ({"inputs": given.tolist(), "params": {"what": "dream"}}, "params.what: must be enc"),
        ]:
            status, message = ask(port, body)
            assert (status, message[: len(line)]) == (400, line)
            assert "\n" not in message
        for body in ({"inputs": given[0].tolist()}, {"inputs": [[["a"]]]}, {"outputs": []}, b"{"):
            assert ask(port, body)[0] == 400  # in MLflow's words

    port = free_port()
    with serving("models:/text@current", port, nowhere):
        status, answer = ask(port, {"inputs": words})
        assert status == 200
        np.testing.assert_allclose(answer, text_codes, atol=1e-5)
        status, answer = ask(port, {"inputs": words, "params": reconstruct})
        np.testing.assert_allclose(answer, text_back, atol=1e-5)
        assert ask(port, {"inputs": ["oil", " "]}) == (
            400,
            "texts[1]: must not be empty; leave it out",
        )
        status, message = ask(port, {"inputs": ["zebra"]})
        assert status == 400
        assert "among the 14 terms of 'notes', found 'zebra'" in message
