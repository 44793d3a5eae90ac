"""Filling a store from artifacts: what is there then, and that a second call writes nothing."""

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from ae_lightning.errors import UserError
from pipelines.tracking import queries
from pipelines.tracking.provenance import digest
from pipelines.tracking.publish import publish
from pipelines.tracking.recorder import Run

CURVE = "epoch,seconds,train/loss,val/loss,val/sse\n0,1.0,3.0,2.5,9.0\n1,2.0,2.0,1.5,8.0\n"


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch, database, request):
    """A repository with one layer and one evaluated variant; the dataset is the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    dataset = re.sub(r"\W+", "-", request.node.name)
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
    client = queries.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
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
    with Run(checkout, "deep", "finetune", {}) as run:
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
    [known] = stored(classifier, "judge")[1]
    assert known.data.metrics["random.error_at_8.mean"] == 0.5
    assert "train/loss" not in known.data.metrics
    parts = queries.children(known.info.run_id)
    assert {name: part.data.metrics["error"] for name, part in parts.items()} == {
        "random-8-0": 0.5,
        "random-all-0": 0.125,
    }
    assert parts["random-8-0"].data.metrics["train/loss"] == 2.0
    before = hashlib.sha256(database.read_bytes()).digest()
    assert publish(parameters=PARAMETERS) == []
    assert hashlib.sha256(database.read_bytes()).digest() == before


def test_a_part_that_is_lacking_is_added_alone(classifier):
    publish(parameters=PARAMETERS)
    [known] = stored(classifier, "judge")[1]
    first = queries.children(known.info.run_id)
    write(Path("artifacts/curves/supervise/judge.csv"), RUNS + "random,all,1,1,1.0,2.0,0.5\n")
    assert publish(parameters=PARAMETERS) == ["judge"]
    second = queries.children(known.info.run_id)
    assert set(second) - set(first) == {"random-all-1"}


def test_a_layer_lies_below_the_first_variant_that_stands_on_it(checkout):
    write(Path("artifacts/models/wide/model.json"), json.dumps({"data": checkout}))
    wide = {"kind": "autoencoder", "input": "layers/one"}
    tables = PARAMETERS | {"models": {"wide": wide, "deep": wide}}
    publish(parameters=tables)
    _, [layer] = stored(checkout, "one")
    _, [wide] = stored(checkout, "wide")
    client, [deep] = stored(checkout, "deep")
    assert layer.data.tags["mlflow.parentRunId"] == wide.info.run_id
    assert deep.data.tags["layers"] == wide.data.tags["layers"] == "one"
    assert f"/runs/{layer.info.run_id}?" in deep.data.tags["mlflow.note.content"]
    assert f"/runs/{deep.info.run_id}?" in layer.data.tags["mlflow.note.content"]
    # a variant that is trained again takes its layer along, which stays current
    write(Path("artifacts/models/wide/layer-1.safetensors"), "others")
    publish(parameters=tables)
    _, found = stored(checkout, "wide")
    [now] = [run for run in found if run.data.tags["current"] == "true"]
    assert now.info.run_id != wide.info.run_id
    layer = client.get_run(layer.info.run_id)
    assert layer.data.tags["mlflow.parentRunId"] == now.info.run_id
    assert layer.data.tags["current"] == "true"


def test_of_a_layer_only_its_own_weights_are_uploaded(checkout):
    folder = Path("artifacts/layers/two")
    write(folder / "model.json", json.dumps({"data": checkout}))
    for file in ("layer-1", "layer-2", "whitening"):
        write(folder / f"{file}.safetensors", file)
    write(Path("artifacts/layers/one/whitening.safetensors"), "whitening")
    publish(["one", "two"], PARAMETERS)
    for name, files in {
        "one": {"model.json", "layer-1.safetensors", "whitening.safetensors"},
        "two": {"model.json", "layer-2.safetensors"},
    }.items():
        client, [run] = stored(checkout, name)
        found = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "model")}
        assert found == files
        assert run.data.tags["model.digest"] == digest(Path("artifacts/layers") / name)


def repeat(seed, losses):
    folder = Path(f"artifacts/repeats/deep-{seed}")
    write(folder / "model/model.json", "{}")
    rows = [f"{epoch},{epoch + 1}.0,{loss},{loss}" for epoch, loss in enumerate(losses)]
    write(folder / "curve.csv", "\n".join(["epoch,seconds,train/loss,val/loss", *rows, ""]))


def test_repeats_lie_below_their_variant(checkout, database):
    repeat(0, [3.0, 1.0])
    repeat(1, [4.0, 2.0])
    mean = {"deep": {"reconstruction": {"sse": {"mean": 3.5, "sd": 0.5}}}}
    write(Path("artifacts/comparison/metrics.json"), json.dumps(mean))
    publish(parameters=PARAMETERS)
    _, [run] = stored(checkout, "deep")
    assert run.data.metrics["repeats.reconstruction.sse.mean"] == 3.5
    parts = queries.children(run.info.run_id)
    assert {name: part.data.metrics["val/loss"] for name, part in parts.items()} == {
        "seed-0": 1.0,
        "seed-1": 2.0,
    }
    assert parts["seed-1"].data.params == {"seed": "1"}
    before = hashlib.sha256(database.read_bytes()).digest()
    assert publish(parameters=PARAMETERS) == []
    assert hashlib.sha256(database.read_bytes()).digest() == before
    repeat(1, [4.0, 0.5])
    assert publish(parameters=PARAMETERS) == ["deep"]
    _, both = stored(checkout, "deep/seed-1")
    current = {run.data.metrics["val/loss"]: run.data.tags["current"] for run in both}
    assert current == {2.0: "false", 0.5: "true"}


def test_the_report_is_a_run_for_each_that_there_was(checkout, database):
    page = Path("artifacts/report/index.html")
    write(page, "<p>first</p>")
    publish(parameters=PARAMETERS)
    client = queries.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("report").experiment_id
    [first] = client.search_runs([experiment])
    assert [file.path for file in client.list_artifacts(first.info.run_id)] == ["index.html"]
    place = f"#/experiments/{experiment}/runs/{first.info.run_id}/artifacts/index.html"
    assert place in client.get_experiment_by_name(checkout).tags["mlflow.note.content"]
    _, [run] = stored(checkout, "deep")
    assert place in run.data.tags["mlflow.note.content"]
    before = hashlib.sha256(database.read_bytes()).digest()
    assert publish(parameters=PARAMETERS) == []
    assert hashlib.sha256(database.read_bytes()).digest() == before
    write(page, "<p>second</p>")
    publish(parameters=PARAMETERS)
    found = client.search_runs([experiment], "tags.current = 'true'")
    assert [one.info.run_id for one in found] != [first.info.run_id]
    assert found[0].info.run_id in stored(checkout, "deep")[1][0].data.tags["mlflow.note.content"]


def test_what_a_person_has_written_stays(checkout):
    publish(parameters=PARAMETERS)
    client, [run] = stored(checkout, "deep")
    experiment = run.info.experiment_id
    client.set_tag(run.info.run_id, "mlflow.note.content", "mine")
    client.set_experiment_tag(experiment, "mlflow.note.content", "ours")
    write(Path("artifacts/report/index.html"), checkout)  # all descriptions would change
    publish(parameters=PARAMETERS)
    assert stored(checkout, "deep")[1][0].data.tags["mlflow.note.content"] == "mine"
    assert client.get_experiment(experiment).tags["mlflow.note.content"] == "ours"
    assert checkout in stored(checkout, "one")[1][0].data.tags["mlflow.note.content"]


def test_an_experiment_says_what_its_data_and_figures_are(checkout):
    folder = Path("artifacts/prepared") / checkout
    write(folder / "meta.json", json.dumps({"kind": "idx", "shape": [4, 4], "classes": ["a", "b"]}))
    for split, count in {"train": 7, "validation": 3, "test": 2}.items():
        np.save(folder / f"{split}_inputs.npy", np.zeros((count, 4, 4), np.uint8))
    publish(["one"], PARAMETERS)
    client, [run] = stored(checkout, "one")
    tags = client.get_experiment(run.info.experiment_id).tags
    note = tags["mlflow.note.content"]
    assert note.startswith("Autoencoders of images 4 × 4 with 2 classes: ")
    assert "7 train, 3 validation, 2 test" in note
    assert "viewStateShareKey=layers" in note
    assert "viewStateShareKey=variants" not in note  # there are none
    view = json.loads(tags["mlflow.sharedViewState.layers"])
    assert view["name"] == "Layers"
    found = client.search_runs([run.info.experiment_id], json.loads(view["state"])["searchFilter"])
    assert [one.info.run_name for one in found] == ["one"]


def test_the_ui_has_variants_first_as_params_has_them(checkout):
    repeat(0, [3.0, 1.0])
    write(Path("artifacts/models/wide/model.json"), json.dumps({"data": checkout}))
    item = {"kind": "autoencoder", "input": "layers/one"}
    publish(parameters=PARAMETERS | {"models": {"wide": item, "deep": item}})
    client, [run] = stored(checkout, "deep")
    found = client.search_runs([run.info.experiment_id], order_by=["attributes.start_time DESC"])
    assert [one.info.run_name for one in found] == ["wide", "deep", "one", "deep/seed-0"]


def delete(client, runs):
    client.delete_run(runs["deep"])


def delete_and_restore(client, runs):
    client.delete_run(runs["deep"])
    publish(parameters=PARAMETERS)
    client.restore_run(runs["deep"])


def go_back_to_the_first(client, runs):
    delete_and_restore(client, runs)
    first = client.get_run(runs["deep"])
    clauses = "attributes.run_name = 'deep'"
    for run in client.search_runs([first.info.experiment_id], clauses):
        if run.info.run_id != first.info.run_id:
            client.delete_run(run.info.run_id)


def rename(client, runs):
    client.update_run(runs["one"], name="mine")


def rename_to_another(client, runs):
    client.update_run(runs["one"], name="deep")


def delete_a_part(client, runs):
    client.delete_run(runs["deep/seed-0"])


def rename_a_part(client, runs):
    client.update_run(runs["deep/seed-0"], name="best")


def delete_the_experiment(client, runs):
    client.delete_experiment(client.get_run(runs["deep"]).info.experiment_id)


def delete_a_run_and_the_experiment(client, runs):
    delete_and_restore(client, runs)
    client.delete_run(runs["one"])
    delete_the_experiment(client, runs)


def rename_the_experiment(client, runs):
    known = client.get_run(runs["deep"]).info.experiment_id
    client.rename_experiment(known, f"{client.get_experiment(known).name} of old")


def retire_by_hand(client, runs):
    client.set_tag(runs["deep"], "current", "false")


def untag(client, runs):
    client.delete_tag(runs["one"], "current")


def lose_files(client, runs):
    shutil.rmtree(Path(client.get_run(runs["deep"]).info.artifact_uri.removeprefix("file://")))


ACTIONS = (
    *(delete, delete_and_restore, go_back_to_the_first, rename, rename_to_another),
    *(delete_a_part, rename_a_part),
    *(delete_the_experiment, delete_a_run_and_the_experiment, rename_the_experiment),
    *(retire_by_hand, untag, lose_files),
)
NAMES = ("one", "deep", "deep/seed-0")


def current_runs(dataset):
    client, _ = stored(dataset, "deep")
    experiment = client.get_experiment_by_name(dataset).experiment_id
    return client, client.search_runs([experiment], queries.CURRENT)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_one_run_of_each_name_is_current_after_the_ui(checkout, action, capsys):
    repeat(0, [3.0, 1.0])
    publish(parameters=PARAMETERS)
    client, before = current_runs(checkout)
    action(client, {run.info.run_name: run.info.run_id for run in before})
    capsys.readouterr()
    recorded = publish(parameters=PARAMETERS)
    client, after = current_runs(checkout)
    assert sorted(run.info.run_name for run in after) == sorted(NAMES)
    [deep] = [run for run in after if run.info.run_name == "deep"]
    assert {f.path for f in client.list_artifacts(deep.info.run_id)} == {"evaluation", "model"}
    [part] = queries.children(deep.info.run_id).values()
    assert part.data.metrics["val/loss"] == 1.0
    assert recorded or capsys.readouterr().out or action in (retire_by_hand, untag)
    capsys.readouterr()
    assert publish(parameters=PARAMETERS) == []
    assert capsys.readouterr().out == ""


@pytest.mark.slow
@hypothesis.given(st.lists(st.sampled_from(ACTIONS), min_size=2, max_size=4))
@hypothesis.settings(max_examples=5, suppress_health_check=[*hypothesis.HealthCheck])
def test_one_run_of_each_name_is_current_after_many_changes(checkout, actions):
    dataset = f"many-{uuid4().hex}"
    for path in Path("artifacts").glob("*/*/model.json"):
        write(path, json.dumps({"data": dataset}))
    repeat(0, [3.0, 1.0])
    publish(parameters=PARAMETERS)
    for action in actions:
        if queries.client().get_experiment_by_name(dataset) is None:
            publish(parameters=PARAMETERS)  # it was renamed just now
        client, before = current_runs(dataset)
        known = {run.info.run_name: run.info.run_id for run in before}
        with suppress(KeyError, FileNotFoundError, queries.MlflowException):  # what is gone already
            action(client, known)
    publish(parameters=PARAMETERS)
    assert sorted(run.info.run_name for run in current_runs(dataset)[1]) == sorted(NAMES)
    assert publish(parameters=PARAMETERS) == []
