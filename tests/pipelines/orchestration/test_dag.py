"""The graph against hand-written ones, and against what DVC shows of it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ae_lightning.errors import UserError
from pipelines.orchestration import dag, dvc

ROOT = Path(__file__).parents[3]

STAGES = {
    "prepare@a": [],
    "pretrain@a-1": ["prepare@a"],
    "pretrain@a-2": ["pretrain@a-1"],
    "evaluate@deep": ["pretrain@a-2", "prepare@a"],
    "report": ["evaluate@deep"],
}
NAMES = list(STAGES)


def graph_of(stages: dict[str, list[str]]) -> dag.Graph:
    return dag.Graph({stage: frozenset(above) for stage, above in stages.items()})


def read(root: Path) -> dag.Graph:
    with dag.DvcReader(root) as reader:
        return reader.graph()


@pytest.fixture
def small() -> dag.Graph:
    return graph_of(STAGES)


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
    whole = graph_of(
        {"prepare@a": [], "supervise@judge": ["prepare@a"], "grade@judge": ["supervise@judge"]}
    )
    assert list(whole.select(["judge"]).order) == ["prepare@a", "supervise@judge", "grade@judge"]
    with pytest.raises(UserError, match="did you mean judge"):
        whole.select(["juge"])


def test_downstream_holds_the_stage_and_all_that_stands_on_it(small: dag.Graph) -> None:
    assert small.downstream["pretrain@a-2"] == {"pretrain@a-2", "evaluate@deep", "report"}


def test_a_folder_without_dvc_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the project in .*: you are not inside of"):
        read(tmp_path)


DOT_EDGE = re.compile(r'"(?P<above>.*)" -> "(?P<below>.*)";')


@pytest.mark.slow
def test_the_graph_is_what_dvc_dag_shows() -> None:
    env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    command = [*dvc.COMMAND, "dag", "--dot"]
    dot = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    edges = {match.group("below", "above") for match in DOT_EDGE.finditer(dot.stdout)}
    found = read(ROOT)
    assert {(below, above) for below, uppers in found.stages.items() for above in uppers} == {
        (below, above) for below, above in edges if not above.endswith(".dvc")
    }
    assert {stage for stage in found.stages if "@" not in stage} == {
        *("code", "compare", "report", "tabulate")
    }


@pytest.mark.slow
def test_what_is_unchanged_is_asked_of_the_same_process(toy: Path) -> None:
    subprocess.run([*dvc.COMMAND, "repro", "-q", "prepare@a"], cwd=toy, check=True)
    with dag.DvcReader(toy) as reader:
        graph = reader.graph()
        assert reader.unchanged(graph) == {"prepare@a"}
        assert reader.unchanged(graph.select(["prepare@b"])) == frozenset()


COUNTED = """
import sys
from pipelines.orchestration import dvc_answers
reads = []
sys.addaudithook(
    lambda event, found: reads.append(found)
    if event == "open" and str(found[0]).endswith("dvc.lock") else None
)
dvc_answers.main()
sys.exit(str(len(reads)))
"""


@pytest.mark.slow
def test_dvc_lock_is_read_as_often_for_many_stages_as_for_one(toy: Path) -> None:
    subprocess.run([*dvc.COMMAND, "repro", "-q", "prepare"], cwd=toy, check=True)

    def reads(*stages: str) -> int:
        command = [sys.executable, "-c", COUNTED]
        asked = json.dumps(stages)
        done = subprocess.run(command, cwd=toy, input=asked, capture_output=True, text=True)
        return int(done.stderr)

    once = reads("prepare@a")
    assert 0 < once == reads("prepare@a", "prepare@b", "pretrain@a", "pretrain@b")


def test_a_project_without_git_is_told_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    with pytest.raises(UserError, match=r"must be a git repository: `git clone` it .*no_scm true"):
        read(tmp_path)
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    assert read(tmp_path).stages == {}
