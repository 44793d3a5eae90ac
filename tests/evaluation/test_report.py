import csv
import json

import numpy as np
import pytest

from ae_lightning.config import parse
from ae_lightning.evaluation.report import COLUMNS, look_up, report, whole_curve
from ae_lightning.training.callbacks import write_curve

PARAMS = parse(
    {
        "datasets": {"tiny": {"kind": "idx", "path": "data/tiny"}},
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
        write_curve(rows, curves / f"{name}.csv")
    deep = {"reconstruction": {"sse": 1.5}, "code": {"size": 2}, "retrieval": {"map": 0.75}}
    for name, metrics in {"deep": deep, "pca": {"code": {"size": 2}}}.items():
        (evaluation / name).mkdir(parents=True)
        (evaluation / name / "metrics.json").write_text(json.dumps(metrics))
    return evaluation, curves


def test_a_row_for_each_evaluated_variant_in_order(artifacts, tmp_path):
    report(PARAMS, *artifacts, tmp_path / "report")
    with (tmp_path / "report" / "variants.csv").open(newline="") as file:
        pca, deep = csv.DictReader(file)
    empty = dict.fromkeys(COLUMNS, "")
    assert pca == {"variant": "pca", **empty, "code": "2"}
    assert deep == {"variant": "deep", **empty, "code": "2", "sse": "1.5", "map": "0.75"}


def test_learning_curves_are_drawn_per_code_size(artifacts, tmp_path):
    report(PARAMS, *artifacts, tmp_path / "report")
    (figure,) = (tmp_path / "report").glob("*.png")
    assert figure.name == "learning_curves_2.png"
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_seconds_count_the_layers_below(artifacts):
    curve = whole_curve("deep", PARAMS, artifacts[1])
    assert np.array_equal(curve["seconds"], [100 + 20 + 3, 200 + 20 + 3])
    assert np.array_equal(curve["epoch"], [1, 2])
    assert whole_curve("pca", PARAMS, artifacts[1]) == {}


def test_a_value_under_a_dotted_path():
    metrics = {"knn": {"accuracy@1": 0.5}}
    assert look_up(metrics, "knn.accuracy@1") == 0.5
    assert look_up(metrics, "knn.accuracy@5") == ""
    assert look_up(metrics, "knn.accuracy@1.more") == ""
