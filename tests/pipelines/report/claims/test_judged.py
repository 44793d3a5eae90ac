import json
import subprocess
from pathlib import Path

import pytest

from ae_lightning.config.params import load
from pipelines.report.claims.verdicts import CLAIMS, judged
from pipelines.report.results import Results
from tests.pipelines.report.samples import claim, made

ROOT = Path(__file__).parents[4]
KEYS = {
    "number",
    "claim",
    "verdict",
    "because",
    "columns",
    "rows",
    "pictures",
    "missing",
}


@pytest.fixture(scope="module")
def committed() -> Results:
    return Results.read(ROOT / "artifacts", load(ROOT / "params.yaml"))


def test_every_row_of_the_lecture_is_there_once_and_in_order() -> None:
    assert [each.number for each in CLAIMS] == [*map(str, range(1, 20)), "+"]
    for each in CLAIMS:
        assert each.claim.endswith(".")
        assert each.pictures


def test_what_is_committed_decides_every_claim(committed: Results) -> None:
    found = judged(committed)
    assert {each["verdict"] for each in found} <= {"holds", "does not hold", "depends"}
    for each in found:
        assert set(each) == KEYS
        assert each["missing"] == []
        assert each["because"].endswith(".")
        assert each["rows"]
        assert all(len(row) == len(each["columns"]) for row in each["rows"])
        assert all(isinstance(cell, str) for row in each["rows"] for cell in row)
    assert json.loads(json.dumps(found)) == found


def test_without_metrics_nothing_is_measured_but_what_is_computed_now() -> None:
    found = {each["number"]: each for each in judged(Results())}
    assert {n for n, each in found.items() if each["verdict"] != "not measured"} == {"15"}
    assert found["2"]["missing"] == ["evaluate@pca-30", "evaluate@deep-30"]
    assert found["8"]["missing"] == ["evaluate@deep-30", "evaluate@scratch-30", "compare"]
    assert found["10"]["missing"] == ["tabulate"]
    assert "evaluate@pca-30, evaluate@deep-30" in found["2"]["because"]
    assert found["2"]["columns"] == found["2"]["rows"] == []


def test_a_figure_that_an_older_file_lacks_names_its_stage() -> None:
    old = made({"pca-30": {"reconstruction.sse": 1.0}, "deep-30": {"code.size": 30}})
    assert claim("2", old)["missing"] == ["evaluate@deep-30"]


def test_a_classifier_without_a_grade_names_its_stage() -> None:
    value = {"error": 0.1, "sd": 0.1, "ahead": 0.1, "se": 0.1}
    labels = {"classifier": {"pretrained": {"labels@100": value}}}
    assert claim("10", made({}, labels=labels))["missing"] == ["grade@classifier-dn"]


def test_stages_that_are_named_exist(committed: Results) -> None:
    params = load(ROOT / "params.yaml")
    known = {f"evaluate@{name}" for name in params.variants} | {"compare", "tabulate"}
    for each in CLAIMS:
        assert set(each.stages) <= known


def test_pictures_are_in_git_or_drawn_by_the_report() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "artifacts"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for each in CLAIMS:
        assert any(f"artifacts/{picture.file}" in listed for picture in each.pictures)
        for picture in each.pictures:
            assert f"artifacts/{picture.file}" in listed or picture.file.startswith("report/")
            assert picture.caption
