"""``ae list`` and ``ae compare``: what metrics.json holds, side by side."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ae_lightning.metrics import Metric
from pipelines.cli.compare import best

ROOT = Path(__file__).parents[3]
FIGURES = {
    "pca-5": {"code": {"size": 5}, "reconstruction": {"sse": 2.5}, "knn": {"accuracy@1": 0.75}},
    "pca-2": {"code": {"size": 2}, "reconstruction": {"sse": 8.125}, "knn": {"accuracy@1": 0.5}},
    "tfidf": {"code": {"size": 14}, "retrieval": {"map": 0.375}},
}


@pytest.fixture
def measured(artifacts):
    for name, figures in FIGURES.items():
        path = artifacts / "evaluation" / name / "metrics.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(figures))
    return artifacts


def test_the_list_says_how_far_each_variant_has_come(measured, ae):
    status, output, _ = ae("list", "--json")
    rows = {row["variant"]: row for row in json.loads(output)}
    assert (status, list(rows)) == (0, ["pca-5", "pca-2", "pca-9", "tfidf"])
    assert rows["pca-5"] == {
        "variant": "pca-5", "data": "tiny", "task": "images", "kind": "pca", "code": 5,
        "trained": True, "evaluated": True, "figures": {"code": 5, "SSE": 2.5, "1-NN": 0.75},
    }  # fmt: skip
    assert rows["pca-9"] == rows["pca-5"] | {
        "variant": "pca-9", "code": 9, "trained": False, "evaluated": False, "figures": {},
    }  # fmt: skip
    assert (rows["tfidf"]["task"], rows["tfidf"]["figures"]) == (
        "documents",
        {"code": 14, "MAP": 0.375},
    )
    lines = [line.split() for line in ae("list")[1].splitlines()]
    assert ["pca-5", "pca", "5", "ready", "2.50", "0.7500"] in lines
    assert ["pca-9", "pca", "9", "-"] in lines


def test_variants_side_by_side(measured, ae):
    status, output, _ = ae("compare", "pca-5", "pca-2")
    rows = [line.strip("│┃ ").split() for line in output.replace("┃", "│").splitlines()]
    assert status == 0
    assert ["reconstruction.sse", "│", "2.5", "│", "8.125"] in rows
    assert ["knn.accuracy@1", "│", "0.75", "│", "0.5"] in rows
    assert "different data" not in output
    assert "retrieval.map" not in output
    mixed = ae("compare", "pca-5", "tfidf")[1]
    assert "On different data" in mixed
    assert json.loads(ae("compare", "pca-5", "pca-2", "--json")[1]) == {
        name: FIGURES[name] for name in ("pca-5", "pca-2")
    }


def test_what_cannot_be_compared(measured, ae):
    assert ae("compare", "pca-5", "pca-9") == (
        2, "", "ae: pca-9: was not evaluated yet; run: ae flow pca-9\n"
    )  # fmt: skip
    assert "unknown variant 'pca-6'; there is pca-9, pca-5" in ae("compare", "pca-6")[2]
    Path("artifacts/evaluation/pca-5/metrics.json").write_text("{")
    status, _, errors = ae("compare", "pca-5")
    assert (status, errors.count("\n")) == (2, 1)
    assert "metrics.json: cannot be read" in errors


def test_without_names_it_is_the_stage(artifacts, ae, monkeypatch):
    stage, calls = importlib.import_module("pipelines.stages.compare"), []
    monkeypatch.setattr(stage, "run", lambda: calls.append(1))
    assert ae("compare")[0] == 0
    assert calls == [1]


@pytest.mark.parametrize(
    ("values", "better", "names"),
    [
        ({"a": 1, "b": 2}, "high", {"b"}),
        ({"a": 1, "b": 2}, "low", {"a"}),
        ({"a": 2, "b": 1, "c": 2}, "high", {"a", "c"}),
        ({"a": 2, "b": 2}, "high", set()),
        ({"a": 1, "b": 2}, "none", set()),
        ({"b": 2}, "high", set()),
    ],
)
def test_the_best_of_a_row(values, better, names):
    assert best(values, Metric("", "", 0, better)) == names


def test_every_command_has_an_example_and_none_is_heavy():
    code = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli.main import app\n"
        "for name in ('list', 'encode', 'reconstruct', 'generate', 'export', 'compare'):\n"
        "    shown = CliRunner().invoke(app, [name, '--help'])\n"
        "    assert shown.exit_code == 0 and f'ae {name} ' in shown.output, shown.output\n"
        "assert not {'torch', 'numpy', 'pandas', 'yaml'} & set(sys.modules)\n"
    )
    environment = os.environ | {"COLUMNS": "80"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment)


JUDGE = """
layers:
  one: {data: tiny, input: prepared/tiny, units: 6}
classifiers:
  judge: {data: tiny, input: layers/one}
"""


def test_classifiers_are_listed_and_compared(measured, ae):
    with Path("params.yaml").open("a") as file:
        file.write(JUDGE)
    path = measured / "grades" / "judge" / "metrics.json"
    path.parent.mkdir(parents=True)
    figures = {"pretrained": {"error@100": {"mean": 0.25}, "error@all": {"mean": 0.125}}}
    path.write_text(json.dumps(figures))
    last = json.loads(ae("list", "--json")[1])[-1]
    assert (last["variant"], last["kind"], last["code"]) == ("judge", "classifier", 6)
    assert (last["trained"], last["evaluated"]) == (False, True)
    assert last["figures"] == {"error@100": 0.25, "error@all": 0.125}
    output = ae("compare", "judge", "pca-5")[1]
    rows = [line.strip("│┃ ").split() for line in output.replace("┃", "│").splitlines()]
    assert ["pretrained.error@100.mean", "│", "0.25", "│", "-"] in rows
