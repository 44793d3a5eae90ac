"""The flow: Prefect's tasks made from DVC's graph. The only module that imports Prefect.

DVC decides what must be rebuilt, Prefect when: every stage is a task that runs as a process of
its own as soon as the stages it stands on are done, so that independent ones run side by side.
"""

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# The terminal shows our own lines; Prefect's logger goes to its server.
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
from prefect import flow, get_run_logger, task
from prefect import serve as prefect_serve
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.deployments.runner import RunnerDeployment
from prefect.events.worker import EventsWorker
from prefect.exceptions import CancelledRun, FailedRun
from prefect.futures import PrefectConcurrentFuture
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from ae_lightning import redact
from ae_lightning.errors import UserError
from ae_lightning.subprocesses import Group, sigterm_exits
from pipelines.orchestration import prefect_api
from pipelines.orchestration.dag import Graph
from pipelines.orchestration.lock import only_flow
from pipelines.orchestration.plan import Plan
from pipelines.orchestration.prefect_server import temporary_server
from pipelines.orchestration.run_stage import StageError
from pipelines.orchestration.schedule import in_order
from pipelines.orchestration.summary import (
    Outcome,
    measured,
    metrics_rows,
    say,
    show_end,
    show_line,
)
from pipelines.tracking.provenance import repository_root
from pipelines.tracking.store import Guard

Future = PrefectConcurrentFuture[Outcome]

_RETRY_DELAYS = [2.0, 10.0, 30.0]  # seconds, and only after what passes by itself
_NIGHTLY = Cron("0 3 * * *", active=False)
_planned: ContextVar[Plan | None] = ContextVar("planned", default=None)
"""The plan of a flow that was started here; one that a server starts makes its own."""


def run(plan: Plan, targets: Sequence[str], before: Callable[[], object] = lambda: None) -> bool:
    """Carry out the plan for some targets, with a Prefect server of our own where none is set up.

    Args:
        plan: The plan.
        targets: What it was made for.
        before: Called before the first stage, while a server of our own starts.

    Returns:
        Whether every stage ended well.
    """
    logging.raiseExceptions = False  # Prefect would print what its server does not take
    with sigterm_exits(), ExitStack() as server:
        if PREFECT_API_URL.value() is not None:
            server.enter_context(prefect_api.direct())
            prefect_api.check_server()
            before()
        else:
            url = server.enter_context(temporary_server(before))
            server.enter_context(temporary_settings({PREFECT_API_URL: url}))
            server.enter_context(prefect_api.direct())
            server.callback(_send_the_rest)
        _planned.set(plan)
        with prefect_api.told():
            state = stages(list(targets), plan.workers, plan.force, return_state=True)
            error = state.result(raise_on_failure=False)
            if isinstance(error, Exception) and not isinstance(error, FailedRun | CancelledRun):
                raise error
    return bool(state.is_completed())


def serve() -> None:
    """Offer the flow to a running Prefect server, until interrupted: one run at a time.

    Raises:
        UserError: PREFECT_API_URL does not say where the server is, or it does not answer.
    """
    if PREFECT_API_URL.value() is None:
        raise UserError(
            "PREFECT_API_URL is not set: start `prefect server start`, "
            "then set it to http://127.0.0.1:4200/api and try again"
        )
    with prefect_api.direct():
        prefect_api.check_server()
        deployments = [served.to_deployment(served.name, schedule=_NIGHTLY) for served in SERVED]
        prefect_serve(*cast(list[RunnerDeployment], deployments), limit=1)


@flow
def stages(targets: list[str], workers: int | None = None, force: bool = False) -> State:
    """Bring the given stages and variants up to date, with all that they stand on."""
    redact.install()  # a run that a server starts does not come through `ae`
    root = repository_root()
    with only_flow(root):
        plan = _planned.get() or Plan.read(root, targets, workers, force)
        say(
            f"{len(plan.todo)} of {len(plan.graph.stages)} stages to look at, {plan.workers} side "
            f"by side: {' '.join(plan.todo) or 'nothing changed'}"
        )
        group = Group()

        def bring(stage: str) -> Outcome:
            if stage in plan.settled:
                get_run_logger().info("didn't change")
                return Outcome(stage, "unchanged")
            emit = _emitter(stage, max(map(len, plan.graph.stages)))
            return plan.bring(stage, group, emit, str(flow_run.id))

        try:
            outcomes = _side_by_side(plan.graph, bring, plan.workers, group)
        except CancelledRun:
            return Cancelled(message="Cancelled; every stage's processes were ended.")
        return _report(root, outcomes)


@flow
def rebuild(workers: int | None = None, force: bool = False) -> State:
    """Bring everything up to date."""
    return stages.fn([], workers, force)


@flow
def variant(name: str = "deep-30", workers: int | None = None, force: bool = False) -> State:
    """Bring one variant up to date, with all that it stands on."""
    return stages.fn([name], workers, force)


SERVED = (rebuild, variant)


def _side_by_side(
    graph: Graph, bring: Callable[[str], Outcome], workers: int, group: Group
) -> list[Outcome]:
    """Run every stage once those it stands on have ended, at most ``workers`` at a time."""

    def submit(stage: str, upstream: list[Future]) -> Future:
        return runner.submit(_as_task(stage, bring), {}, wait_for=upstream)

    runner: ThreadPoolTaskRunner[Outcome]
    with ThreadPoolTaskRunner(max_workers=workers) as runner, group.ended_by_signals():
        try:
            futures = in_order(graph, submit, prefect_api.Contact(str(flow_run.id)).look)
        except BaseException:
            group.end()  # else the runner waits for the stages' own ends
            raise
    return [_outcome(stage, future) for stage, future in futures.items()]


def _as_task(stage: str, bring: Callable[[str], Outcome]) -> Any:
    @task(
        name=stage,
        task_run_name=stage,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=len(_RETRY_DELAYS),
        retry_delay_seconds=_RETRY_DELAYS,
        retry_condition_fn=_passes_by_itself,
    )
    def reproduce_stage() -> Outcome:
        return bring(stage)

    return reproduce_stage


def _passes_by_itself(failed: Any, _run: Any, state: State) -> bool:
    error = state.result(raise_on_failure=False)
    passing = isinstance(error, StageError) and error.passing
    if passing:
        show_line(failed.name, "will be tried again: another DVC process is in its way")
    return passing


def _outcome(stage: str, future: Future) -> Outcome:
    future.wait()  # has ended, but only now is its last state ours and not the server's
    if future.state.name == "NotReady":
        return Outcome(stage, "not run: a stage that it stands on failed", good=False)
    result = future.result(raise_on_failure=False)
    if isinstance(result, Outcome):
        return result
    seconds = getattr(result, "seconds", 0.0)
    return Outcome(stage, "failed", seconds, good=False, why=str(result))


def _emitter(stage: str, width: int) -> Callable[[str], None]:
    logger = get_run_logger()

    def emit(line: str) -> None:
        logger.info(line)
        show_line(f"{stage:<{width}}", line)

    return emit


def _report(root: Path, outcomes: list[Outcome]) -> State:
    bad = [outcome.stage for outcome in outcomes if not outcome.good]
    good = {outcome.stage for outcome in outcomes if outcome.good}
    rows = metrics_rows(root, partial(_run_url, Guard()), measured(good))
    if rows:
        create_table_artifact(rows, key="metrics", description="Test metrics of what was built")
    show_end(rows, outcomes)
    if bad:
        return Failed(message=f"{len(bad)} of {len(outcomes)} stages not done: {', '.join(bad)}")
    return Completed(message=f"{len(outcomes)} stages done")


def _run_url(guard: Guard, experiment: str, name: str) -> str | None:
    from pipelines.tracking.queries import run_url  # MLflow takes seconds to import

    return run_url(experiment, name, guard)


def _send_the_rest() -> None:
    """Send Prefect's pending events now; it would send them after the server has ended."""
    EventsWorker.drain_all(timeout=5)
    APILogHandler().flush()
