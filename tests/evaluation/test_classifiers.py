import csv
import json

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import accuracy_score

from ae_lightning.config.classifiers import Run
from ae_lightning.evaluation.classifier_table import tabulate
from ae_lightning.evaluation.classifiers import answers, by_start, grade
from ae_lightning.evaluation.errors_by_labels import differences, paired
from ae_lightning.evaluation.figures.label_budget import error_curves, mistakes
from ae_lightning.nn.classifier import Classifier as Net
from ae_lightning.nn.classifier import ClassifierCheckpoint
from tests.conftest import prepared_bars
from tests.training.conftest import ENVIRONMENT
from tests.training.test_sweep import TRAIN, below, sweep

ERRORS = {
    Run("pretrained", 10, 0): 0.10,
    Run("random", 10, 0): 0.20,
    Run("pretrained", 10, 1): 0.12,
    Run("random", 10, 1): 0.26,
    Run("pretrained", "all", 0): 0.01,
    Run("random", "all", 0): 0.01,
}


def test_errors_are_gathered_by_start_and_labels():
    found = by_start(ERRORS)
    assert found["pretrained"]["error@10"] == pytest.approx({"mean": 0.11, "sd": 0.02 / 2**0.5})
    assert found["random"]["error@all"] == {"mean": 0.01}
    assert [*found["random"]] == ["error@10", "error@all"]


def test_the_paired_test_is_scipys():
    first, second = {0: 0.2, 1: 0.26, 2: 0.22, 9: 1.0}, {0: 0.1, 1: 0.12, 2: 0.15}
    truth = stats.ttest_rel([0.2, 0.26, 0.22], [0.1, 0.12, 0.15])
    found = paired(first, second)
    assert found["p"] == pytest.approx(truth.pvalue)
    assert found["mean"] / found["se"] == pytest.approx(truth.statistic)
    assert found["seeds"] == 3
    assert paired({0: 0.3}, {0: 0.1}) == pytest.approx({"mean": 0.2, "seeds": 1})
    assert "p" not in paired({0: 0.3, 1: 0.4}, {0: 0.3, 1: 0.4})


def test_differences_are_from_the_random_start():
    found = differences(ERRORS)
    assert [*found] == ["pretrained"]
    assert found["pretrained"]["error@10"]["mean"] == pytest.approx(0.12)
    assert differences({run: e for run, e in ERRORS.items() if run.start != "random"}) == {}


def test_answers_are_the_likeliest_classes(tiny):
    torch.manual_seed(0)
    net = Net(below(), 4).eval()
    said = answers(net, tiny.inputs("test"), ENVIRONMENT)
    x = torch.from_numpy(np.array(tiny.inputs("test"))).flatten(1) / 255
    np.testing.assert_array_equal(said, net(x).argmax(1))


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """Two classifiers in artifacts/, of which only the first was started at random."""
    tmp_path = tmp_path_factory.mktemp("graded")
    tiny = prepared_bars(tmp_path / "artifacts" / "prepared" / "tiny")
    evaluation, known = tmp_path / "artifacts" / "grades", {}
    for name, starts in {"judge": ["pretrained", "random"], "clerk": ["frozen"]}.items():
        one = sweep(tiny, tmp_path / name, labels=[8, "all"], seeds=2, starts=starts, train=TRAIN)
        for _ in one.train():
            pass
        folder, curve = tmp_path / "artifacts" / "classifiers" / name, tmp_path / f"{name}.csv"
        one.finish(folder, curve)
        grade(name, ClassifierCheckpoint.open(folder), tiny, ENVIRONMENT, curve, evaluation / name)
        known[name] = one.classifier
    return known, evaluation


def test_everything_is_measured_on_the_test_part(graded, tiny):
    _, evaluation = graded
    metrics = json.loads((evaluation / "judge" / "metrics.json").read_text())
    stored = ClassifierCheckpoint.open(evaluation.parent / "classifiers" / "judge")
    x = torch.from_numpy(np.array(tiny.inputs("test"))).flatten(1) / 255
    for name in stored.runs:
        said = stored.load(name)(x).argmax(1)
        truth = 1 - accuracy_score(tiny.labels("test"), said)
        assert metrics["runs"][name] == pytest.approx(truth, abs=1e-6)
    mean = np.mean([metrics["runs"][f"random-8-{seed}"] for seed in (0, 1)])
    assert metrics["random"]["error@8"]["mean"] == pytest.approx(mean, abs=1e-6)
    assert metrics["labels"] == {"all": 120}
    assert metrics["model"]["parameters"] == 64 * 12 + 12 + 12 * 8 + 8 + 8 * 4 + 4
    assert set(metrics["validation"]["pretrained"]) == {"error@all"}
    assert (evaluation / "judge" / "figures" / "errors.png").stat().st_size > 5000
    assert (evaluation / "judge" / "figures" / "mistakes.png").exists()


def test_classifiers_stand_side_by_side(graded, tmp_path):
    known, evaluation = graded
    absent = known | {"absent": known["clerk"]}
    tabulate(absent, evaluation, tmp_path / "labels")
    with (tmp_path / "labels" / "errors.csv").open(newline="") as file:
        rows = {(r["classifier"], r["start"], r["labels"]): r for r in csv.DictReader(file)}
    assert {key[:2] for key in rows} == {
        ("judge", "pretrained"), ("judge", "random"), ("clerk", "frozen"),
    }  # fmt: skip
    judge, clerk = (
        json.loads((evaluation / name / "metrics.json").read_text())["runs"]
        for name in ("judge", "clerk")
    )
    ahead = np.mean([judge[f"random-8-{s}"] - clerk[f"frozen-8-{s}"] for s in (0, 1)])
    assert float(rows["clerk", "frozen", "8"]["ahead"]) == pytest.approx(ahead, abs=1e-6)
    assert rows["judge", "random", "8"]["ahead"] == ""
    nested = json.loads((tmp_path / "labels" / "metrics.json").read_text())
    assert nested["judge"]["random"]["labels@all"]["seeds"] == 3
    assert (tmp_path / "labels" / "figures" / "tiny.png").stat().st_size > 5000


def test_published_errors_stand_beside_those_of_their_dataset():
    curve = {100: (0.1, 0.01), 60000: (0.01, 0.0)}
    marks = [
        sum(line.get_marker() == "x" for line in error_curves({"a": curve}, data).axes[0].lines)
        for data in ("mnist", "photos")
    ]
    assert marks[0] > 5
    assert marks[1] == 0


def test_nothing_mistaken_is_an_empty_page(tiny):
    assert mistakes([], tiny).axes
    shown = mistakes([(3, 1, 2)], tiny)
    assert shown.axes[0].get_title() == "1 → 2"
