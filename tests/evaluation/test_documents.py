import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from ae_lightning.config.datasets import Documents
from ae_lightning.config.environment import Environment
from ae_lightning.config.params import parse
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.evaluation.collection import Collection
from ae_lightning.evaluation.documents import (
    DECODED,
    baseline,
    keywords,
    lsa_baseline,
    retrieval,
    scores,
)
from ae_lightning.evaluation.evaluate import evaluate
from ae_lightning.evaluation.figures import image_pages
from ae_lightning.evaluation.types import Baseline
from ae_lightning.nn.stack import Stack
from ae_lightning.training.closed_form import lsa_stack
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.input_transform import weighting
from pipelines.report.document_figures import document_figures

ENVIRONMENT = Environment(accelerator="cpu", devices="1", precision="32-true")
DATABASE = ("train", "validation")


def lsa(data, size):
    return lsa_stack(data, weighting("tfidf", data), size)


def collection(stack, data):
    return Collection.of(stack, data, ENVIRONMENT, DECODED if stack.layers else ())


def test_precision_is_that_of_brute_force_over_labelled_documents(notes):
    stack = Stack([], weighting("tfidf", notes))
    found = retrieval(collection(stack, notes), "test", DATABASE)["retrieval"]
    counts = [np.concatenate([notes.counts(s)[:] for s in part]) for part in (["test"], DATABASE)]
    queries, database = (
        np.where(c > 0, 1 + np.log(np.maximum(c, 1)), 0) * stack.first.idf.numpy() for c in counts
    )
    asked, labels = notes.labels("test"), np.concatenate([notes.labels(s) for s in DATABASE])
    queries, asked = queries[asked.any(1)], asked[asked.any(1)]
    database, labels = database[labels.any(1)], labels[labels.any(1)]
    nearest = (-cosine_similarity(queries, database)).argsort(1, kind="stable")[:, :10]
    relevant = (asked[:, None] & labels[nearest]).any(2)
    assert found["precision@10"] == pytest.approx(relevant.mean(), abs=0.02)  # ties by rounding
    assert found["precision@1"] > 0.9


def test_two_numbers_are_compared_by_distance_more_by_angle(notes):
    assert collection(lsa(notes, 2), notes).distance == "euclidean"
    assert collection(lsa(notes, 3), notes).distance == "cosine"


def test_keyword_queries_find_documents_of_their_topic(notes):
    words = collection(Stack([], weighting("tfidf", notes)), notes)
    found = keywords(words)["queries"]
    assert set(found["each"]) == {"crude barrel", "wheat harvest"}
    assert found["share@10"] == np.mean(list(found["each"].values())) == 1
    backwards = {"crude barrel": ["wheat"], "wheat harvest": ["gold", "oil"]}
    words.corpus.__dict__["queries"] = backwards
    assert keywords(words)["queries"]["share@10"] == 0


def test_metrics_have_their_names(notes):
    found = scores(collection(lsa(notes, 2), notes), {})
    names = {"precision@1", "precision@10", "precision@100", "map", "precision_at_recall"}
    assert set(found["retrieval"]) == names | {"hamming"}
    assert set(found["retrieval"]["hamming"]) == {"precision@100", "bits", "main"}
    assert set(found["reconstruction"]) == {"sse", "mse"}
    assert set(found["validation"]) == {"reconstruction", "retrieval"}
    assert set(found["embedding"]) == {"trustworthiness"}
    assert 0.5 < found["embedding"]["trustworthiness"] <= 1
    beside = lsa_baseline(notes, 2, ENVIRONMENT)
    assert beside.solved is None
    assert beside.metrics["lsa"]["retrieval"] == found["retrieval"]
    assert found["code"] == {"size": 2}


def test_the_baseline_is_the_vector_space_model(notes):
    found = baseline(notes)
    assert set(found) == {"binary", "tfidf"}
    vectors = retrieval(collection(Stack([], weighting("binary", notes)), notes), "test", DATABASE)
    assert found["binary"]["retrieval"] == vectors["retrieval"]


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(image_pages, "TSNE_EXAMPLES", 20)


@pytest.mark.parametrize("size", [0, 2, 3])
def test_everything_is_written(notes, tmp_path, fast, size):
    stack = lsa(notes, size) if size else Stack([], weighting("tfidf", notes))
    LearningCurve().write(tmp_path / "curve.csv")
    metrics = evaluate(
        "lsa",
        stack,
        notes,
        ENVIRONMENT,
        baseline=Baseline(baseline(notes)),
        curve=tmp_path / "curve.csv",
        folder=tmp_path / "evaluation",
    )
    assert json.loads((tmp_path / "evaluation" / "metrics.json").read_text()) == metrics
    drawn = {path.stem for path in (tmp_path / "evaluation" / "figures").iterdir()}
    assert drawn == {"codes", "precision_recall"}
    with np.load(tmp_path / "evaluation" / "codes.npz") as codes:
        shapes = {split: codes[split].shape for split in codes}
    sizes = {"train": (60, size), "validation": (20, size), "test": (20, size)}
    assert shapes == (sizes if size else {})


def test_without_labels_there_are_no_scores_of_retrieval(tmp_path):
    path = tmp_path / "plain.jsonl"
    lines = [json.dumps({"id": n, "body": f"word{'abc'[n % 3]} other thing"}) for n in range(80)]
    path.write_text("\n".join(lines))
    dataset = Documents(kind="documents", path=path, validation=5)
    prepare("plain", dataset, tmp_path / "prepared" / "plain")
    data = PreparedDataset.open(tmp_path / "prepared" / "plain")
    LearningCurve().write(tmp_path / "curve.csv")
    options = {"curve": tmp_path / "curve.csv", "folder": tmp_path / "evaluation"}
    found = evaluate(
        "lsa", lsa(data, 2), data, ENVIRONMENT, baseline=Baseline(baseline(data)), **options
    )
    assert not {"retrieval", "queries"} & set(found)
    assert "retrieval" not in found["validation"]
    assert found["reconstruction"]["sse"] >= 0
    assert (tmp_path / "evaluation" / "figures" / "codes.png").exists()


def test_variants_are_drawn_side_by_side(notes, tmp_path):
    dataset = {"kind": "documents", "path": "notes.jsonl"}
    variant = {"data": "notes", "input": "prepared/notes", "weights": "tfidf"}
    params = parse(
        {
            "datasets": {"notes": dataset, "tiny": {"kind": "idx", "path": "data/tiny"}},
            "variants": {
                "lsa-2": variant | {"kind": "lsa", "sizes": [2]},
                "lsa-3": variant | {"kind": "lsa", "sizes": [3]},
            },
        }
    )
    measured = {}
    for size in (2, 3):
        found = collection(lsa(notes, size), notes)
        measured[f"lsa-{size}"] = scores(replace(found), {})
        (tmp_path / f"lsa-{size}").mkdir()
        np.savez(tmp_path / f"lsa-{size}" / "codes.npz", **found.codes)
    drawn = dict(document_figures(params, measured, tmp_path, notes.folder.parent))
    assert list(drawn) == ["precision_recall_notes", "plane_notes"]
    assert [axes.get_title(loc="left") for axes in drawn["plane_notes"].axes] == ["lsa-2"]
