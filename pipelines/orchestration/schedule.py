"""The order of a flow: every stage as soon as all that it stands on has ended."""

from collections.abc import Callable
from functools import partial
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue
from typing import Any

from pipelines.orchestration.dag import Graph

_POLL = 5.0  # seconds


def in_order(
    graph: Graph, submit: Callable[[str, list[Any]], Any], look: Callable[[], None]
) -> dict[str, Any]:
    """Submit every stage when its turn has come, and return their futures when all have ended.

    None is submitted earlier: a task that waits in Prefect's runner takes a worker. One below a
    failed stage is submitted as well: whoever runs it knows from its upstreams' futures what to
    make of it.

    Args:
        graph: The stages.
        submit: Starts a stage, given the futures of those it stands on directly.
        look: Is called every few seconds while no stage ends, and may raise.
    """
    futures: dict[str, Any] = {}
    ended: SimpleQueue[str] = SimpleQueue()
    turn = TopologicalSorter(graph.stages)
    turn.prepare()
    while turn.is_active():
        # What most stages wait for goes first: the long chain must not start last.
        for stage in sorted(turn.get_ready(), key=lambda s: (-len(graph.downstream[s]), s)):
            upstream = [futures[above] for above in sorted(graph.stages[stage])]
            futures[stage] = submit(stage, upstream)
            futures[stage].add_done_callback(partial(_put, ended, stage))
        try:
            turn.done(ended.get(timeout=_POLL))
        except Empty:
            look()
    return futures


def _put(ended: SimpleQueue[str], stage: str, _future: object) -> None:
    ended.put(stage)
