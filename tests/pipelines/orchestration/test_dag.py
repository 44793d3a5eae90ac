"""The graph against hand-written ones, against real DVC, and against DVC's own index."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.orchestration import dag

ROOT = Path(__file__).parents[3]

# What dvc 3.67.1 printed for a project with a tracked folder and two groups of stages.
DOT = """strict digraph {
"data.dvc";
"prepare@a";
"pretrain@a-1";
"pretrain@a-2";
"evaluate@deep";
"report";
"data.dvc" -> "prepare@a";
"prepare@a" -> "pretrain@a-1";
"pretrain@a-1" -> "pretrain@a-2";
"pretrain@a-2" -> "evaluate@deep";
"prepare@a" -> "evaluate@deep";
"evaluate@deep" -> "report";
}
"""
NAMES = ["prepare@a", "pretrain@a-1", "pretrain@a-2", "evaluate@deep", "report"]


@pytest.fixture
def small() -> dag.Graph:
    return dag.parse(DOT, NAMES)


def test_edges_point_from_what_a_stage_stands_on(small: dag.Graph) -> None:
    assert small.stages == {
        "prepare@a": frozenset(),
        "pretrain@a-1": {"prepare@a"},
        "pretrain@a-2": {"pretrain@a-1"},
        "evaluate@deep": {"pretrain@a-2", "prepare@a"},
        "report": {"evaluate@deep"},
    }


@pytest.mark.parametrize(
    "edge",
    [
        'a -> "b c";',
        '"a"  ->  "b c" [color=red];',
        '"a" -> "b c"',
        '\t"a"->"b c";',
    ],
)
def test_names_may_be_bare_or_quoted(edge: str) -> None:
    assert dag.parse(edge, ["a", "b c"]).stages == {"a": frozenset(), "b c": {"a"}}


def test_escaped_quotes() -> None:
    assert dag.parse(r'"a\"x" -> "b\\";', ['a"x', "b\\"]).stages["b\\"] == {'a"x'}


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([], NAMES),
        (["pretrain@a-1"], ["prepare@a", "pretrain@a-1"]),
        (["pretrain"], ["prepare@a", "pretrain@a-1", "pretrain@a-2"]),
        (["deep"], ["prepare@a", "pretrain@a-1", "pretrain@a-2", "evaluate@deep"]),
        (["report"], NAMES),
        (["prepare", "pretrain@a-1"], ["prepare@a", "pretrain@a-1"]),
    ],
)
def test_selection_is_the_upstream_closure(
    small: dag.Graph, targets: list[str], expected: list[str]
) -> None:
    assert list(small.select(targets).order) == expected


@pytest.mark.parametrize(
    ("slip", "near"), [("dep", "deep"), ("pretran", "pretrain"), ("a-2", "pretrain@a-2")]
)
def test_unknown_target_names_the_nearest(small: dag.Graph, slip: str, near: str) -> None:
    with pytest.raises(UserError, match=f"{slip}: .*{near}"):
        small.select([slip])


def test_a_classifier_is_named_by_its_last_stage() -> None:
    edges = '"prepare@a" -> "supervise@judge";\n"supervise@judge" -> "grade@judge";'
    whole = dag.parse(edges, ["prepare@a", "supervise@judge", "grade@judge"])
    assert list(whole.select(["judge"]).order) == ["prepare@a", "supervise@judge", "grade@judge"]
    with pytest.raises(UserError, match="did you mean judge"):
        whole.select(["juge"])


def test_downstream_holds_the_stage_and_all_that_stands_on_it(small: dag.Graph) -> None:
    assert small.downstream["pretrain@a-2"] == {"pretrain@a-2", "evaluate@deep", "report"}


def test_a_folder_without_dvc_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dvc dag"):
        dag.read(tmp_path)


INDEX = """
import json
from dvc.repo import Repo
edges = Repo().index.graph.edges
print(json.dumps([[b.addressing, a.addressing] for b, a in edges]))
"""


@pytest.mark.slow
def test_real_graph_is_that_of_dvcs_index() -> None:
    if not (ROOT / "dvc.yaml").exists():
        pytest.skip("no dvc.yaml")
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", INDEX], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    edges = {(b, a) for b, a in json.loads(answer.stdout) if not a.endswith(".dvc")}
    found = dag.read(ROOT)
    assert {(below, above) for below, uppers in found.stages.items() for above in uppers} == edges
    assert {stage for stage in found.stages if "@" not in stage} == {
        "compare",
        "report",
        "tabulate",
    }
