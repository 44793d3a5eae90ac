"""Metrics read again: what is there, what is not, what is broken, and dotted paths."""

import json

import pytest

from ae_lightning.errors import UserError
from ae_lightning.evaluation.results import look_up, number, read_metrics

METRICS = {"knn": {"accuracy@1": 0.5}, "label": "x"}


@pytest.mark.parametrize(("kind", "stage"), [("evaluation", "evaluate"), ("grades", "grade")])
def test_metrics_of_a_folder(tmp_path, kind, stage):
    folder = tmp_path / kind / "one"
    assert read_metrics(folder) == {}
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    assert read_metrics(folder) == METRICS
    for broken in ("{", "[1]"):
        (folder / "metrics.json").write_text(broken)
        with pytest.raises(
            UserError, match=f"metrics.json: cannot be read .*dvc repro {stage}@one"
        ):
            read_metrics(folder)


def test_what_lies_under_a_dotted_path():
    assert look_up(METRICS, "knn") == {"accuracy@1": 0.5}
    assert look_up(METRICS, "knn.accuracy@1") == number(METRICS, "knn.accuracy@1") == 0.5
    assert look_up(METRICS, "knn.accuracy@5") is None
    assert look_up(METRICS, "knn.accuracy@1.more") is None
    assert number(METRICS, "label") is None
    assert number(METRICS, "knn") is None
