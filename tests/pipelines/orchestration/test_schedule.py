"""The order of a flow, with plain futures in place of Prefect's."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pipelines.orchestration import schedule
from pipelines.orchestration.dag import Graph


def nothing() -> None:
    """What a flow that nobody cancels sees."""


@pytest.mark.parametrize("seed", range(5))
def test_a_stage_is_submitted_when_those_it_stands_on_have_ended(seed: int) -> None:
    dice = random.Random(seed)
    names = [f"s{i}" for i in range(12)]
    graph = Graph(
        {name: frozenset(dice.sample(names[:i], min(i, 2))) for i, name in enumerate(names)}
    )

    with ThreadPoolExecutor(3) as pool:

        def submit(stage: str, upstream: list[Future[str]]) -> Future[str]:
            assert all(future.done() for future in upstream)
            assert {future.result() for future in upstream} == graph.stages[stage]
            return pool.submit(_return, stage, dice.random() / 100)

        futures = schedule.in_order(graph, submit, nothing)
    assert {name: future.result() for name, future in futures.items()} == {n: n for n in names}


def _return(value: str, seconds: float) -> str:
    time.sleep(seconds)
    return value


def test_what_most_wait_for_goes_first() -> None:
    graph = Graph({"a": frozenset(), "z": frozenset(), "y": frozenset({"z"})})
    submitted: list[str] = []
    schedule.in_order(graph, lambda stage, _: _done(submitted, stage), nothing)
    assert submitted == ["z", "a", "y"]


def _done(submitted: list[str], stage: str) -> Future[None]:
    submitted.append(stage)
    future: Future[None] = Future()
    future.set_result(None)
    return future


def test_a_look_may_end_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_POLL", 0.01)
    look: Callable[[], None] = lambda: (_ for _ in ()).throw(KeyError)  # noqa: E731
    with pytest.raises(KeyError):
        schedule.in_order(Graph({"a": frozenset()}), lambda *_: Future(), look)
