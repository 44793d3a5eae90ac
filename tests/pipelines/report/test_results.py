import json
from pathlib import Path
from typing import Any

import pytest

from ae_lightning.config.params import Params, load, parse
from ae_lightning.errors import UserError
from pipelines.report.results import MissingResult, Results

ROOT = Path(__file__).parents[3]


def write(folder: Path, content: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(content))


@pytest.fixture
def params() -> Params:
    layer = {"data": "d", "input": "prepared/d", "units": 2}
    return parse(
        {
            "datasets": {"d": {"kind": "idx", "path": "data/d"}},
            "layers": {"l": layer},
            "variants": {
                "second": {"data": "d", "input": "prepared/d", "kind": "pca", "sizes": [2]},
                "first": {"data": "d", "input": "layers/l"},
                "absent": {"data": "d", "input": "layers/l"},
            },
            "repeats": {"variants": ["first"], "seeds": [5, 6]},
            "classifiers": {"c": {}},
        }
    )


@pytest.fixture
def results(tmp_path: Path, params: Params) -> Results:
    write(tmp_path / "evaluation/first", {"a": {"b@1": 1.5, "text": "x"}, "whole": 3})
    write(tmp_path / "evaluation/second", {"a": {"b@1": 2.5}})
    write(tmp_path / "evaluation/unknown", {"a": {"b@1": 9}})
    write(tmp_path / "comparison", {"first": {"sse": {"mean": 4.5}}})
    write(tmp_path / "labels", {"c": {"random": {"labels@7": {"error": 0.5}}}})
    write(tmp_path / "grades/c", {"runs": {}})
    curves = tmp_path / "curves"
    for kind, name in (("finetune", "first"), ("pretrain", "l")):
        (curves / kind).mkdir(parents=True)
        (curves / kind / f"{name}.csv").write_text("epoch,seconds,val/sse\n1,2.5,\n2,5.5,\n")
    (curves / "finetune/second.csv").write_text("epoch,seconds\n")
    return Results.read(tmp_path, params)


def test_variants_of_params_alone_and_in_their_order(results: Results) -> None:
    assert [*results.evaluation] == ["second", "first"]
    assert [*results.grades] == ["c"]
    assert results.seeds == 2


def test_curves_that_are_there_and_have_steps(results: Results) -> None:
    assert [*results.finetuning] == ["first"]
    assert results.pretraining["l"]["seconds"].tolist() == [2.5, 5.5]


def test_a_figure_by_its_path(results: Results) -> None:
    assert results.figure("first", "a.b@1") == 1.5
    assert results.figure("first", "whole") == 3
    assert results.repeated("first", "sse.mean") == 4.5
    assert results.taught("c", "random") == {"7": {"error": 0.5}}
    assert results.optional("first", "a.c") is None


@pytest.mark.parametrize(
    ("variant", "path"),
    [("absent", "a.b@1"), ("first", "a.c"), ("first", "a.b@1.c"), ("first", "a.text")],
)
def test_what_is_missing_names_the_stage(results: Results, variant: str, path: str) -> None:
    with pytest.raises(MissingResult) as error:
        results.figure(variant, path)
    assert error.value.stage == f"evaluate@{variant}"


def test_what_others_make_names_theirs(results: Results) -> None:
    with pytest.raises(MissingResult, match="compare"):
        results.repeated("second", "sse.mean")
    with pytest.raises(MissingResult, match="grade@other"):
        results.taught("other", "random")
    with pytest.raises(MissingResult, match="tabulate"):
        Results().taught("c", "random")


def test_stages_without_metrics(results: Results) -> None:
    stages = ["evaluate@first", "evaluate@absent", "compare", "tabulate", "grade@c", "grade@e"]
    assert results.lacking(stages) == ["evaluate@absent", "grade@e"]
    assert Results().lacking(["compare", "tabulate"]) == ["compare", "tabulate"]


def test_an_empty_folder_has_nothing(tmp_path: Path, params: Params) -> None:
    found = Results.read(tmp_path, params)
    assert not found.evaluation
    assert not found.comparison
    assert not found.pretraining


@pytest.mark.parametrize("content", ["{", "[]", ""])
@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("evaluation/pca-2/metrics.json", "evaluate@pca-2"),
        ("grades/classifier/metrics.json", "grade@classifier"),
        ("comparison/metrics.json", "compare"),
    ],
)
def test_metrics_that_are_no_metrics_are_told(tmp_path, file, stage, content):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(content)
    line = rf"{file}: cannot be read \(.*\); run: git checkout .*{file}, or dvc repro {stage}$"
    with pytest.raises(UserError, match=line):
        Results.read(tmp_path, load(ROOT / "params.yaml"))
