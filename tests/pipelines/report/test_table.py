import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ae_lightning.config.classifiers import classifiers
from ae_lightning.config.params import Params, load
from pipelines.report.columns import COLUMNS
from pipelines.report.published import FIGURES
from pipelines.report.results import Results
from pipelines.report.table import columns, rows
from tests.pipelines.report.samples import made

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def params() -> Params:
    return load(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def table(params: Params) -> list[dict[str, Any]]:
    return rows(Results.read(ROOT / "artifacts", params), params)


def row(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in found if each["variant"] == name)


def test_every_variant_and_every_start_of_a_classifier_has_a_row(
    table: list[dict[str, Any]], params: Params
) -> None:
    starts = [name for name, each in classifiers(params).items() for _ in each.starts]
    assert [each["variant"] for each in table] == [*params.variants, *starts]
    assert json.loads(json.dumps(table)) == table


def test_cells_belong_to_columns(table: list[dict[str, Any]]) -> None:
    keys = [column["key"] for column in columns()]
    assert len(set(keys)) == len(keys)
    for each in table:
        assert [*each["values"]] == keys
        assert set(each["sd"]) | set(each["published"]) <= set(keys)
        assert each["task"]


def test_columns_say_what_they_are() -> None:
    for column in columns():
        assert set(column) == {"key", "label", "title", "digits", "percent", "better"}
        assert column["title"].endswith(".")
        assert column["better"] in ("low", "high", "none")


def test_what_was_committed_is_shown(table: list[dict[str, Any]]) -> None:
    folder = ROOT / "artifacts/evaluation/text-128/metrics.json"
    metrics = json.loads(folder.read_text())
    values = row(table, "text-128")["values"]
    assert values["map"] == metrics["retrieval"]["map"]
    assert values["hamming"] == metrics["retrieval"]["hamming"]["precision@100"]
    assert values["sse"] is None


def test_published_figures_have_a_variant_and_a_column(params: Params) -> None:
    paths = {column.path for column in COLUMNS}
    for variant, path in FIGURES:
        assert variant in params.variants
        assert path in paths


def test_published_figures_stand_beside_ours(table: list[dict[str, Any]]) -> None:
    (hinton,) = row(table, "pca-30")["published"]["sse"]
    assert hinton["value"] == 13.87
    assert "2006" in hinton["source"]
    (pixels,) = row(table, "pixels")["published"]["nearest"]
    assert pixels["value"] == pytest.approx(1 - 0.354)  # an accuracy there, an error here
    assert len(row(table, "text-hash-8")["published"]["hamming_main"]) == 2
    assert len(row(table, "text-hash-16")["published"]["hamming_main"]) == 3
    many = row(table, "classifier")["published"]
    assert 0.012 in [each["value"] for each in many["error_all"]]
    assert "error_600" not in many


def test_errors_are_one_less_accuracies_and_budgets_are_kept_apart(params: Params) -> None:
    results = made(
        {"deep-30": {"knn.accuracy@1": 0.75, "reconstruction.sse": 2.0, "training.memory_mb": 512}},
        {"deep-30": {"reconstruction.sse.mean": 4.0, "reconstruction.sse.sd": 0.5}},
    )
    found = row(rows(results, params), "deep-30")
    assert found["values"]["nearest"] == 0.25
    assert found["values"]["memory"] == 512
    assert (found["values"]["sse"], found["values"]["short"]) == (2.0, 4.0)
    assert found["sd"] == {"short": 0.5}


def test_classifiers_have_errors_over_seeds(params: Params) -> None:
    grade = {
        "pretrained": {"error@100": {"mean": 0.1, "sd": 0.02}, "error@all": {"mean": 0.01}},
        "runs": {"pretrained-100-0": 0.1, "pretrained-all-0": 0.01},
        "training": {"seconds": 30.0},
        "labels": {"all": 60000},
    }
    first, second, *_ = (
        each
        for each in rows(Results(grades={"classifier": grade}), params)
        if each["variant"] == "classifier"
    )
    assert (first["values"]["error_100"], first["values"]["error_all"]) == (0.1, 0.01)
    assert first["sd"] == {"error_100": 0.02}
    assert first["values"]["seconds"] == 15.0
    assert second["values"]["error_100"] is None
    assert second["task"] == "classifier, from random weights"


def test_pretraining_is_that_of_all_layers_or_not_known(params: Params) -> None:
    layers = params.chain(params.variants["deep-30"].input)
    curves = {layer: {"seconds": np.array([1.0, 2.0])} for layer in layers}
    known = rows(Results(pretraining=curves), params)
    assert row(known, "deep-30")["values"]["pretraining"] == 2.0 * len(layers)
    assert row(known, "scratch-30")["values"]["pretraining"] is None
    partly = {layer: curves[layer] for layer in layers[1:]}
    assert (
        row(rows(Results(pretraining=partly), params), "deep-30")["values"]["pretraining"] is None
    )


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ("pca-30", "PCA"),
        ("linear-30", "linear, from random weights, {} epochs"),
        ("rbm-30", "Boltzmann machines, pretrained, fine-tuned, {} epochs"),
        ("denoising-30", "pretrained, fine-tuned, denoising, {} epochs"),
        ("conv-repeat", "convolutional (repeats), pretrained, fine-tuned, {} epochs"),
        ("tfidf", "no code, words, tf-idf"),
        ("lsa-10", "LSA, words, tf-idf"),
        ("seq2seq", "sequence to sequence, {} epochs"),
    ],
)
def test_kinds_in_words(
    table: list[dict[str, Any]], params: Params, variant: str, words: str
) -> None:
    epochs = params.variants[variant].train.epochs
    assert row(table, variant)["task"] == words.format(epochs)
