"""Everything of ours that a stage really runs is in the reach of its digest."""

import importlib
import inspect
import sys
import threading
from functools import cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest

from pipelines.code_digest import normal_form
from pipelines.code_digest.digests import STAGES, Project, items_of, roots
from pipelines.code_digest.reach import Reach, is_neutral, is_settings
from pipelines.code_digest.source import Definition, Source
from pipelines.code_digest.tables import Item
from tests.pipelines.code_digest.small_project import write_project

pytestmark = pytest.mark.slow

SOURCE = Source()
MODULE_OF = {str(path): name for name, path in SOURCE.paths.items()}
ORDER = (
    *("prepare", "baseline", "pretrain", "finetune", "repeat", "compare", "evaluate"),
    *("supervise", "grade", "tabulate", "report"),
)


class Tracer:
    """Records which code of ours is called while it is on, but not what decides no result calls."""

    def __init__(self) -> None:
        self.codes: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code in self.codes or code.co_filename not in MODULE_OF:
            return
        above: FrameType | None = frame
        while above is not None:
            if decides_nothing(above.f_code):
                return
            above = above.f_back
        if code.co_flags & inspect.CO_OPTIMIZED:  # no class's body, which runs at its definition
            self.codes.add(code)

    def __enter__(self) -> "Tracer":
        threading.settrace(self)
        sys.settrace(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]


@cache
def decides_nothing(code: CodeType) -> bool:
    """Whether code of ours is declared to decide no result, or reads and checks params.yaml."""
    module = MODULE_OF.get(code.co_filename, "")
    if not is_settings(module):
        return is_neutral(module)
    cls, _, method = code.co_qualname.partition(".")
    return not method or method.startswith("_") or cls == "<module>"


@cache
def lines(module: str) -> dict[int, Definition]:
    """Which definition each line of a module belongs to."""
    found = {}
    for name, statements in SOURCE.module(module).statements.items():
        for statement in statements:
            decorators = getattr(statement, "decorator_list", [])
            first = min([statement.lineno, *(d.lineno for d in decorators)])
            found |= dict.fromkeys(
                range(first, (statement.end_lineno or first) + 1), Definition(module, name)
            )
    return found


def missed(stage: str, item: Item, codes: set[CodeType], reach: Reach) -> set[Definition]:
    """What was called but does not count."""
    called = {lines(MODULE_OF[code.co_filename])[code.co_firstlineno] for code in codes}
    return called - set(reach.of(roots(stage, item), item))


class Ran(NamedTuple):
    """A project, and what each of its stages called, by stage and item."""

    project: Project
    codes: dict[tuple[str, str | None], set[CodeType]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    for name in SOURCE.paths:  # importing calls functions, too; that is none of a stage's doing
        if name.startswith(("ae_lightning.", "pipelines.stages.")):
            importlib.import_module(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/runs.db")
        project, codes = Project.load(), {}
        for stage in ORDER:
            for name in items_of(stage, project):
                with Tracer() as tracer:
                    run(stage, name)
                codes[stage, name] = tracer.codes
    return Ran(project, codes)


def run(stage: str, name: str | None) -> None:
    words = [] if name is None else [name]
    seed = [0] if stage == "repeat" else []
    importlib.import_module(f"pipelines.stages.{stage}").run(*words, *seed)


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_calls_is_in_its_reach(ran: Ran, stage: str) -> None:
    reach = Reach(SOURCE)
    for name, item in items_of(stage, ran.project).items():
        codes = ran.codes[stage, name]
        assert len(codes) > 3
        assert missed(stage, item, codes, reach) == set(), (stage, name)


@pytest.mark.parametrize(
    ("module", "table", "stage", "name"),
    [
        ("ae_lightning.nn.optim", "OPTIMIZERS", "finetune", "deep"),
        ("ae_lightning.training.greedy", "KINDS", "pretrain", "machine"),
        ("ae_lightning.evaluation.evaluate", "KINDS", "evaluate", "topics"),
    ],
)
def test_what_is_hidden_from_the_reach_is_missed(
    ran: Ran, monkeypatch: pytest.MonkeyPatch, module: str, table: str, stage: str, name: str
) -> None:
    hidden, form = Definition(module, table), normal_form.normal_form

    def without(*arguments: Any) -> normal_form.NormalForm:
        found = form(*arguments)
        kept = tuple(each for each in found.references if each.definition != hidden)
        return found._replace(references=kept)

    monkeypatch.setattr("pipelines.code_digest.reach.normal_form", without)
    item = items_of(stage, ran.project)[name]
    assert missed(stage, item, ran.codes[stage, name], Reach(SOURCE))


def test_every_stage_is_guarded() -> None:
    assert set(ORDER) == set(STAGES)
