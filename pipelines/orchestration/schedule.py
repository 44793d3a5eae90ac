"""The order of a flow: every stage as soon as all that it stands on has ended."""

from collections.abc import Callable
from functools import partial
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeVar

from pipelines.orchestration.dag import Graph

_POLL = 5.0  # seconds


class Future(Protocol):
    """Future result of a stage's run."""

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Call ``fn`` when the run has ended."""


F = TypeVar("F", bound=Future)


def in_order(
    graph: Graph, submit: Callable[[str, list[F]], F], look: Callable[[], None]
) -> dict[str, F]:
    """Submit every stage when its turn has come, and return when all have ended.

    None is submitted earlier, so that none takes a worker to wait in. One below a failed stage is
    submitted as well: whoever runs it knows from its upstreams' futures what to make of it.

    Args:
        graph: The stages.
        submit: Starts a stage, given the futures of those it stands on directly.
        look: Is called every few seconds while no stage ends, and may raise.
    """
    futures: dict[str, F] = {}
    ended: SimpleQueue[str] = SimpleQueue()
    turn = TopologicalSorter(graph.stages)
    turn.prepare()
    while turn.is_active():
        # What most stages wait for goes first: the long chain must not start last.
        for stage in sorted(turn.get_ready(), key=lambda s: (-len(graph.downstream[s]), s)):
            future = submit(stage, [futures[above] for above in sorted(graph.stages[stage])])
            futures[stage] = future
            future.add_done_callback(partial(_put, ended, stage))
        turn.done(_next(ended, look))
    return futures


def _put(ended: SimpleQueue[str], stage: str, _future: object) -> None:
    ended.put(stage)


def _next(ended: SimpleQueue[str], look: Callable[[], None]) -> str:
    while True:
        try:
            return ended.get(timeout=_POLL)
        except Empty:
            look()
