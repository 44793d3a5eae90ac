"""Filling a store from artifacts: what is there then, and that a second call writes nothing."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines import runs, tracking
from pipelines.publish import publish

CURVE = "epoch,seconds,train/loss,val/loss,val/sse\n0,1.0,3.0,2.5,9.0\n1,2.0,2.0,1.5,8.0\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("store") / "mlflow.db"


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch, database, request):
    """A repository with one layer and one evaluated variant; the dataset is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    dataset = request.node.name
    for folder, name, stage in [("layers", "one", "pretrain"), ("models", "deep", "finetune")]:
        write(tmp_path / f"artifacts/{folder}/{name}/model.json", json.dumps({"data": dataset}))
        write(tmp_path / f"artifacts/{folder}/{name}/layer-1.safetensors", os.urandom(9).hex())
        write(tmp_path / f"artifacts/curves/{stage}/{name}.csv", CURVE)
    metrics = {"knn": {"accuracy@1": 0.9}, "reconstruction": {"sse": 2.0, "psnr": float("inf")}}
    write(tmp_path / "artifacts/evaluation/deep/metrics.json", json.dumps(metrics))
    write(tmp_path / "artifacts/evaluation/deep/codes.png", "png")
    write(
        tmp_path / "dvc.lock",
        "stages:\n  prepare@toy:\n    outs: [{path: artifacts/prepared/toy, md5: abc.dir}]\n"
        "  finetune@deep:\n    deps: [{path: artifacts/prepared/toy}, {path: a.py}]\n",
    )
    write(tmp_path / "dvc.yaml", "")
    return dataset


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


PARAMETERS = {
    "layers": {"one": {"kind": "dense", "input": "prepared/toy"}},
    "models": {"deep": {"kind": "autoencoder", "input": "layers/one"}},
    "classifiers": {"judge": {"input": "layers/one"}},
}


def stored(dataset, name):
    client = runs.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name(dataset).experiment_id
    return client, client.search_runs([experiment], f"attributes.run_name = '{name}'")


def test_all_of_a_model_is_recorded_once(checkout, database):
    assert publish(parameters=PARAMETERS) == ["one", "deep"]
    client, [run] = stored(checkout, "deep")
    assert run.info.status == "FINISHED"
    assert run.data.params == {"kind": "autoencoder", "input": "layers/one"}
    assert run.data.metrics["knn.accuracy_at_1"] == 0.9
    history = client.get_metric_history(run.info.run_id, "val/loss")
    assert [(point.step, point.value) for point in history] == [(0, 2.5), (1, 1.5)]
    assert {f.path for f in client.list_artifacts(run.info.run_id)} == {"evaluation", "model"}
    assert run.data.tags["dvc.artifacts/prepared/toy"] == "abc.dir"
    assert run.data.tags["current"] == "true"
    assert run.data.tags["stage"] == "finetune"
    assert run.data.tags["recorded_by"] == "publish"
    _, [layer] = stored(checkout, "one")
    assert "val/sse" in layer.data.metrics
    before = hashlib.sha256(database.read_bytes()).digest()
    assert publish(parameters=PARAMETERS) == []
    assert hashlib.sha256(database.read_bytes()).digest() == before


def test_only_the_gap_is_filled(checkout, tmp_path):
    artifacts = tmp_path / "artifacts"
    with tracking.start(experiment=checkout, name="deep", stage="finetune", parameters={}) as run:
        for epoch, loss in enumerate([2.5, 1.5]):
            run.log_metrics({"train/loss": loss, "val/loss": loss, "val/sse": loss}, step=epoch)
        run.log_model(artifacts / "models/deep")
    assert publish(["deep"], PARAMETERS) == ["deep"]
    client, [known] = stored(checkout, "deep")
    assert known.info.run_id == run.id
    assert len(client.get_metric_history(run.id, "val/loss")) == 2
    assert known.data.metrics["reconstruction.sse"] == 2.0
    assert known.data.tags["stage"] == "finetune"
    write(artifacts / "evaluation/deep/codes.png", "another")
    assert publish(["deep"], PARAMETERS) == ["deep"]
    assert publish(["deep"], PARAMETERS) == []


def test_an_unknown_name_is_told():
    with pytest.raises(UserError, match=r"no model named nope; there are one, deep"):
        publish(["nope"], PARAMETERS)


def test_a_store_that_does_not_answer_is_told(tmp_path, monkeypatch):
    write(tmp_path / "file.db", "no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file.db")
    with pytest.raises(UserError, match="must answer"):
        publish(parameters=PARAMETERS)


RUNS = "start,labels,seed,epoch,seconds,train/loss,val/error\n"
RUNS += "random,8,0,1,1.0,3.0,\nrandom,8,0,2,2.0,2.0,\nrandom,all,0,1,1.0,2.0,0.25\n"


@pytest.fixture
def classifier(checkout):
    """A graded classifier of two runs, in the place of the other models."""
    for kind in ("layers", "models", "evaluation"):
        shutil.rmtree(f"artifacts/{kind}")
    folder = Path("artifacts")
    write(folder / "classifiers/judge/model.json", json.dumps({"data": checkout}))
    write(folder / "classifiers/judge/random-8-0.safetensors", os.urandom(9).hex())
    write(folder / "curves/supervise/judge.csv", RUNS)
    errors = {"random-8-0": 0.5, "random-all-0": 0.125}
    metrics = {"random": {"error@8": {"mean": 0.5}}, "runs": errors}
    write(folder / "grades/judge/metrics.json", json.dumps(metrics))
    return checkout


def test_a_classifier_is_recorded_with_its_parts(classifier, database):
    assert publish(parameters=PARAMETERS) == ["judge"]
    known = runs.recorded(classifier, "judge", Path("artifacts/classifiers/judge"))
    assert known.metrics["random.error_at_8.mean"] == 0.5
    assert "train/loss" not in known.metrics
    assert {name: part.metrics["error"] for name, part in known.parts.items()} == {
        "random-8-0": 0.5,
        "random-all-0": 0.125,
    }
    assert known.parts["random-8-0"].metrics["train/loss"] == 2.0
    before = hashlib.sha256(database.read_bytes()).digest()
    assert publish(parameters=PARAMETERS) == []
    assert hashlib.sha256(database.read_bytes()).digest() == before


def test_a_part_that_is_lacking_is_added_alone(classifier):
    publish(parameters=PARAMETERS)
    path = Path("artifacts/classifiers/judge")
    first = runs.recorded(classifier, "judge", path).parts
    write(Path("artifacts/curves/supervise/judge.csv"), RUNS + "random,all,1,1,1.0,2.0,0.5\n")
    assert publish(parameters=PARAMETERS) == ["judge"]
    second = runs.recorded(classifier, "judge", path).parts
    assert set(second) - set(first) == {"random-all-1"}
