"""Variants in a real store's registry: as versions, by alias, loaded again by MLflow itself."""

import json
import re
import shutil
from pathlib import Path

import mlflow.artifacts
import mlflow.pyfunc
import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException
from safetensors.torch import save_file

from ae_lightning import load
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.data.text.tokenize import FIRST_WORD
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import Classifier, ClassifierCheckpoint
from ae_lightning.nn.layers.sequence import SequenceLayer, SequenceSpec
from ae_lightning.nn.stack import Stack, chain_specs
from ae_lightning.nn.term_weighting import Weighting
from ae_lightning.training.closed_form import pca_stack
from pipelines.serving import champions, package, pyfunc, registry
from pipelines.tracking import queries
from pipelines.tracking.publish import publish

TASKS = {"reconstruct": champions.Task("tiny", "reconstruction.sse", {"code.positions": "false"})}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch, database, tiny, notes, request):
    """Two variants of images and two of documents, all evaluated; names are the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    monkeypatch.setattr(champions, "TASKS", TASKS)
    (tmp_path / "dvc.yaml").touch()
    own = request.node.name[5:25].strip("_")
    for name, (data, stack) in stacks(tiny, notes).items():
        checkpoint.save(stack, tmp_path / "artifacts/models" / f"{own}-{name}", data)
    yield own
    client = queries.client()
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)


def stacks(tiny, notes):
    torch.manual_seed(0)
    dense = checkpoint.build(
        chain_specs(notes.features, [7, 4], hidden="gelu", code="linear", output="softmax")
    )
    words = FIRST_WORD + len(Corpus(notes).vocabulary["words"])
    sequence = SequenceLayer(SequenceSpec(inputs=words, units=5, width=8))
    weighting = Weighting("tfidf", torch.rand(notes.features))
    return {
        "five": ("tiny", pca_stack(tiny, 5)),
        "two": ("tiny", pca_stack(tiny, 2)),
        "text": ("notes", Stack(dense.layers, weighting)),
        "words": ("notes", Stack([sequence])),
    }


def measure(name, sse, **more):
    folder = Path("artifacts/evaluation") / name
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"validation": {"reconstruction": {"sse": sse}}, "code": {"size": 2}, **more}
    (folder / "metrics.json").write_text(json.dumps(figures))


def published(*names):
    return publish(names or None, {})


def served(name, alias="current"):
    return mlflow.pyfunc.load_model(f"models:/{name}@{alias}")


def images():
    return np.load("artifacts/prepared/tiny/test_inputs.npy").astype("float32") / 255


def test_a_model_of_another_loader_is_registered_anew(project, monkeypatch):
    name = f"{project}-five"
    with monkeypatch.context() as older:
        for module in (package, registry):
            older.setattr(module, "LOADER", "pipelines.served")
        assert published(name) == [name]
    assert pyfunc.__name__ == package.LOADER
    assert published(name) == [name]
    assert served(name).predict(images()).shape == (32, 5)
    assert published(name) == []


def test_images_come_back_as_from_torch(project):
    name = f"{project}-five"
    assert published(name) == [name]
    model, given = served(name), images()
    stack = checkpoint.load(Path("artifacts/models") / name)
    x = torch.from_numpy(given.reshape(len(given), -1))
    with torch.no_grad():
        codes, back = stack.encode(x).numpy(), stack(x).numpy()
    np.testing.assert_allclose(model.predict(given), codes, atol=1e-6)
    again = model.predict(given, params={"what": "reconstruct"})
    np.testing.assert_allclose(again, back.reshape(given.shape), atol=1e-6)
    signature = model.metadata.signature
    assert [spec.shape for spec in signature.outputs.inputs] == [(-1, 5)]
    assert model.predict(model.input_example).shape == (1, 5)
    for wrong, line in [
        (given[:, :7], r"^images: must be \(N, 8, 8\).*found \(32, 7, 8\)"),
        (given * 255, "^images: floats must be from 0 to 1.*divide by 255"),
        (given * np.nan, "^images: must be finite"),
    ]:
        with pytest.raises(MlflowException, match=line):
            model.predict(wrong)
    with pytest.raises(MlflowException, match=r"^params.what: must be encode or reconstruct"):
        model.predict(given, params={"what": "decode"})


def lose_files(client, version):
    shutil.rmtree(Path(version.source.removeprefix("file://")))


ACTIONS = {
    "files lost": lose_files,
    "logged model deleted": lambda client, version: client.delete_logged_model(
        re.search(r"m-[0-9a-f]{32}", version.source)[0]
    ),
    "version deleted": lambda client, version: client.delete_model_version(
        version.name, version.version
    ),
    "alias deleted": lambda client, version: client.delete_registered_model_alias(
        version.name, registry.CURRENT
    ),
    "model deleted": lambda client, version: client.delete_registered_model(version.name),
    "model renamed": lambda client, version: client.rename_registered_model(
        version.name, f"{version.name}-mine"
    ),
    "run deleted": lambda client, version: client.delete_run(version.run_id),
    "experiment deleted": lambda client, version: client.delete_experiment(
        client.get_run(version.run_id).info.experiment_id
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_a_model_can_be_served_after_the_ui(project, action):
    name = f"{project}-five"
    assert published(name) == [name]
    expected, client = served(name).predict(images()), queries.client()
    ACTIONS[action](client, client.get_model_version_by_alias(name, registry.CURRENT))
    published(name)
    np.testing.assert_array_equal(served(name).predict(images()), expected)
    assert published(name) == []


@pytest.fixture
def judge(project, tiny):
    """A classifier of two trainings, of which the second is to be used; its folder."""
    folder = Path("artifacts/classifiers") / f"{project}-judge"
    below = checkpoint.build(chain_specs(64, [6, 5], hidden="gelu", code="gelu", output="sigmoid"))
    checkpoint.save(below, folder / "layers", "tiny")
    runs_ = {f"pretrained-{n}-0": {"start": "pretrained", "labels": n, "seed": 0} for n in (4, 8)}
    for run in runs_:
        net = Classifier(below, len(tiny.classes))
        torch.nn.init.normal_(net.head.weight)
        weights = {key: value.detach().half() for key, value in net.named_parameters()}
        save_file(weights, folder / f"{run}.safetensors")
    ClassifierCheckpoint(folder, "tiny", tiny.classes, "pretrained-8-0", runs_).describe()
    return folder


def test_a_classifier_gives_probabilities_classes_and_codes(judge, project, capsys, monkeypatch):
    name, given = judge.name, images()
    monkeypatch.setitem(
        champions.TASKS, "judge", champions.Task("tiny", "pretrained.error@all.mean")
    )
    figures = {"validation": {"pretrained": {"error@all": {"mean": 0.25}}}}
    grades = Path("artifacts/grades") / name
    grades.mkdir(parents=True)
    (grades / "metrics.json").write_text(json.dumps(figures))
    assert published(name) == [name]
    assert capsys.readouterr().out == f"champion of judge: models:/{name}@champion\n"
    model, known = served(name, "champion"), load(name, verify=False)
    assert known.run == "pretrained-8-0"
    shares = model.predict(given)
    np.testing.assert_array_equal(shares, known.predict_proba(given))
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
    classes = model.predict(given, params={"what": "classes"})
    assert list(classes) == [known.data.classes[number] for number in shares.argmax(1)]
    codes = model.predict(given, params={"what": "encode"})
    np.testing.assert_array_equal(codes, known.encode(given))
    assert [spec.shape for spec in model.metadata.signature.outputs.inputs] == [(-1, 4)]
    with pytest.raises(MlflowException, match=r"^params.what: must be probabilities or classes or"):
        model.predict(given, params={"what": "reconstruct"})
    place = Path(mlflow.artifacts.download_artifacts(f"models:/{name}@current"))
    assert [*place.rglob("pretrained-8-0.safetensors")]
    assert not [*place.rglob("pretrained-4-0.safetensors")]
    assert "probability of each of 4 classes" in registry.registered()[name].description
    assert published(name) == []


@pytest.mark.parametrize("kind", ["text", "words"])
def test_texts_come_back_as_from_python(project, kind):
    name, texts = f"{project}-{kind}", ["crude oil barrel", "Wheat harvest!"]
    published(name)
    model, known = served(name), load(name, verify=False)
    np.testing.assert_array_equal(model.predict(texts), known.encode(texts))
    back = model.predict(texts, params={"what": "reconstruct"})
    wanted = known.reconstruct(texts)
    assert back == wanted if kind == "words" else np.array_equal(back, wanted)
    assert model.predict(model.input_example).shape == (1, known.code_size)
    with pytest.raises(MlflowException, match=r"^texts\[1\]: must not be empty; leave it out$"):
        model.predict(["oil", " "])


def test_a_model_stands_alone_and_runs_no_pickle(project, tmp_path, monkeypatch):
    name = f"{project}-text"
    published(name)
    codes = load(name, verify=False).encode(["crude oil"])
    (tmp_path / "artifacts").rename(tmp_path / "away")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    np.testing.assert_array_equal(served(name).predict(["crude oil"]), codes)
    place = Path(mlflow.artifacts.download_artifacts(f"models:/{name}@current"))
    names = {path.name for path in place.rglob("*") if path.is_file()}
    assert not [one for one in names if one.endswith((".pkl", ".pickle", ".pt", ".py"))]
    assert {"vocabulary.json", "layer-1.safetensors", "weighting.safetensors"} <= names
    assert "train_inputs.npz" not in names


def test_an_unchanged_model_becomes_no_second_version(project, database):
    name = f"{project}-two"
    measure(name, 2.0)
    assert published(name) == [name]
    before = database.read_bytes()
    assert published(name) == []
    assert database.read_bytes() == before


def test_a_changed_model_becomes_a_version_and_an_old_one_comes_back(project, tiny):
    name = f"{project}-two"
    published(name)
    first = served(name).predict(images())
    folder = Path("artifacts/models") / name
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    checkpoint.save(pca_stack(tiny, 3), folder, "tiny")
    assert published(name) == [name]
    assert served(name).predict(images()).shape == (32, 3)
    for path, content in kept.items():
        path.write_bytes(content)
    assert published(name) == [name]
    np.testing.assert_array_equal(served(name).predict(images()), first)
    versions = queries.client().search_model_versions(f"name = '{name}'")
    assert sorted(int(one.version) for one in versions) == [1, 2]


def test_the_champion_moves_with_the_validation_figures(project, capsys):
    two, five = f"{project}-two", f"{project}-five"
    measure(two, 1.0)
    measure(five, 2.0, reconstruction={"sse": 0.5})  # better on the test part, which does not count
    published(two, five)
    assert capsys.readouterr().out == f"champion of reconstruct: models:/{two}@champion\n"
    assert served(two, "champion").predict(images()).shape == (32, 2)
    measure(five, 0.5)
    assert five in published(five)
    assert capsys.readouterr().out == f"champion of reconstruct: models:/{five}@champion\n"
    assert served(five, "champion").predict(images()).shape == (32, 5)
    known = registry.registered()
    assert "champion" not in known[two].aliases
    assert known[five].tags["champion.tasks"] == "reconstruct"
    assert "champion.tasks" not in known[two].tags
    measure(five, 0.5, positions={"bits": 9.0})
    published(five)
    assert "champion" in registry.registered()[two].aliases


def test_models_of_others_are_left_alone(project):
    client = queries.client()
    client.create_registered_model("theirs")
    client.set_registered_model_tag("theirs", "data", "tiny")
    published(f"{project}-two")
    assert "theirs" not in registry.registered()
    assert client.get_registered_model("theirs").tags == {"data": "tiny"}


def test_without_prepared_data_the_run_is_recorded_alone(project, caplog, tmp_path):
    name = f"{project}-two"
    (tmp_path / "artifacts/prepared/tiny/meta.json").unlink()
    assert published(name) == [name]
    assert "not registered; run: dvc repro prepare@tiny" in caplog.text
    assert registry.registered() == {}


def test_the_default_store_needs_no_setting(project, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    name = f"{project}-two"
    assert published(name) == [name]
    assert list(registry.registered()) == [name]
    assert not (tmp_path / "mlflow.db").exists()  # MLflow's own default
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    assert served(name).predict(images()).shape == (32, 2)
