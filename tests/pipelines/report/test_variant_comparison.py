import csv
import json

import numpy as np
import pytest

from ae_lightning.config.params import parse
from ae_lightning.evaluation.figures.plots import learning_curves
from ae_lightning.metrics import METRICS
from ae_lightning.training.curve import LearningCurve
from pipelines.report.variant_comparison import controls, legible, report, whole_curve

DATASET = {"kind": "idx", "path": "data/tiny"}
PARAMS = parse(
    {
        "datasets": {"tiny": DATASET},
        "layers": {
            "first": {"data": "tiny", "input": "prepared/tiny", "units": 6},
            "second": {"data": "tiny", "input": "layers/first", "units": 2},
        },
        "variants": {
            "pca": {"data": "tiny", "input": "prepared/tiny", "kind": "pca", "sizes": [2]},
            "deep": {"data": "tiny", "input": "layers/second"},
            "unfinished": {"data": "tiny", "input": "layers/first"},
        },
    }
)


@pytest.fixture
def artifacts(tmp_path):
    """Curves of all trainings, and figures of the variants but for an unfinished one."""
    curves, evaluation = tmp_path / "curves", tmp_path / "evaluation"
    seconds = {
        "pretrain/first": [10.0, 20.0],
        "pretrain/second": [1.0, 2.0, 3.0],
        "finetune/deep": [100.0, 200.0],
        "finetune/pca": [],
    }
    for name, column in seconds.items():
        rows = [
            {"epoch": epoch, "seconds": second, "train/loss": 2, "val/loss": 2, "val/sse": 2}
            for epoch, second in enumerate(column, start=1)
        ]
        LearningCurve(rows).write(curves / f"{name}.csv")
    deep = {"reconstruction": {"sse": 1.5}, "code": {"size": 2}, "retrieval": {"map": 0.75}}
    for name, metrics in {"deep": deep, "pca": {"code": {"size": 2}}}.items():
        (evaluation / name).mkdir(parents=True)
        (evaluation / name / "metrics.json").write_text(json.dumps(metrics))
    return evaluation, curves


def test_a_row_for_each_evaluated_variant_in_order(artifacts, tmp_path):
    report(PARAMS, *artifacts, tmp_path / "prepared", tmp_path / "report")
    with (tmp_path / "report" / "variants.csv").open(newline="") as file:
        pca, deep = csv.DictReader(file)
    empty = dict.fromkeys(METRICS, "")
    assert pca == {"variant": "pca", **empty, "code.size": "2"}
    deeper = {"code.size": "2", "reconstruction.sse": "1.5", "retrieval.map": "0.75"}
    assert deep == {"variant": "deep", **empty, **deeper}


def test_learning_curves_are_drawn_per_code_size(artifacts, tmp_path):
    report(PARAMS, *artifacts, tmp_path / "prepared", tmp_path / "report")
    (figure,) = (tmp_path / "report").glob("*.png")
    assert figure.name == "learning_curves_tiny_2.png"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_seconds_count_the_layers_below(artifacts):
    curve = whole_curve("deep", PARAMS, artifacts[1])
    assert np.array_equal(curve["seconds"], [100 + 20 + 3, 200 + 20 + 3])
    assert np.array_equal(curve["epoch"], [1, 2])
    assert whole_curve("pca", PARAMS, artifacts[1]) == {}


def test_a_denoising_variant_stands_beside_those_that_differ_in_nothing_else():
    train = {"epochs": 3}
    layers = {"one": {"data": "tiny", "input": "prepared/tiny", "units": 6}}
    layers["noisy"] = layers["one"] | {"corruption": {"mask": 0.5}}
    top = {"data": "tiny", "input": "layers/one", "sizes": [2], "train": train}
    variants = {
        "denoising": top | {"input": "layers/noisy", "corruption": {"mask": 0.5}},
        "plain": top,
        "scratch": top | {"input": "prepared/tiny", "sizes": [6, 2]},
        "longer": top | {"train": {"epochs": 4}},
        "wider": top | {"sizes": [3]},
        "penalised": top | {"l2": 0.1},
    }
    params = parse({"datasets": {"tiny": DATASET}, "layers": layers, "variants": variants})
    assert controls(params, "denoising") == ["plain", "scratch"]


def test_what_is_mended_is_drawn_for_denoising_variants(artifacts, tmp_path):
    evaluation, curves = artifacts
    content = PARAMS.model_dump(mode="json", exclude_unset=True)
    content["variants"]["deep"]["corruption"] = {"mask": 0.5}
    metrics = json.loads((evaluation / "deep" / "metrics.json").read_text())
    metrics["corruption"] = {"mask": {"sse@20": 3.0, "input@20": 9.0}}
    (evaluation / "deep" / "metrics.json").write_text(json.dumps(metrics))
    report(parse(content), evaluation, curves, tmp_path / "prepared", tmp_path / "report")
    found = sorted(path.name for path in (tmp_path / "report").glob("corruption*"))
    assert found == ["corruption_deep.png"]


def test_many_curves_are_named_beside_the_panels_and_told_apart():
    curve = {name: np.arange(1.0, 4.0) for name in ("epoch", "seconds", "val/sse")}
    figure = legible(learning_curves({f"variant-{number}": curve for number in range(11)}))
    (names,) = figure.legends
    assert [text.get_text() for text in names.get_texts()] == [f"variant-{n}" for n in range(11)]
    for axes in figure.axes:
        assert axes.get_legend() is None
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
        assert len(looks) == 11
