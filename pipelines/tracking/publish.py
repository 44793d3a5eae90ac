"""Recording of models in ``artifacts/`` that the tracking store lacks."""

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ae_lightning import artifacts
from ae_lightning.errors import UserError
from pipelines.tracking import api as tracking
from pipelines.tracking import artifact_index, presentation, provenance, queries, store, watchdog
from pipelines.tracking.artifact_index import ModelEntry, Tables
from pipelines.tracking.queries import StoredRun
from pipelines.tracking.run import Run

if TYPE_CHECKING:
    from pipelines.serving.registry import RegistryEntry

Registry = Mapping[str, "RegistryEntry"]
Known = Mapping[str, list[StoredRun] | None]
"""The current runs of each dataset; None for one that was never recorded."""

THREADS = 4
"""Recording threads: a server works while we read and hash; a database takes one at a time."""

_log = logging.getLogger(__name__)


def publish(names: Collection[str] | None = None, parameters: Tables | None = None) -> list[str]:
    """Record what the store lacks, and write nothing where it lacks nothing.

    Variants and classifiers are registered, too, and the best of each task becomes champion. Then
    the UI's descriptions, views, layers below variants and report are brought up to date.

    Args:
        names: Layers, variants and classifiers to look at; all by default.
        parameters: Resolved parameters; those of params.yaml by default.

    Returns:
        The names of which something was recorded.

    Raises:
        UserError: If a name has no model in ``artifacts/``, or the store does not answer.
    """
    tables = artifact_index.configured() if parameters is None else parameters
    there = artifact_index.everything(tables)
    chosen = artifact_index.chosen(there, None if names is None else set(names))
    queries.close_orphans()
    known = _current(chosen)
    guardian = watchdog.watch()
    published = _record_all(chosen, known, tables)
    watchdog.release(guardian)
    published += [name for name in _register(chosen) if name not in published]
    presentation.arrange(chosen, tables)
    return published


def _register(chosen: Collection[ModelEntry]) -> list[str]:
    """Register models as they are now and say who became champion; names of the new ones.

    Their runs stay as they are, so this is no recorder: what goes wrong here is no run's failure.
    """
    usable = [one for one in chosen if one.usable]
    if not usable:
        return []
    from pipelines.serving import registry  # torch and pandas take seconds to import

    there = registry.registered()
    known = _current(usable)
    new = [one.name for one in usable if _enter(one, there, known)]
    for task, name in registry.crown().items():
        print(f"champion of {task}: models:/{name}@{registry.CHAMPION}")
    return new


def _enter(one: ModelEntry, there: Registry, known: Known) -> bool:
    """Register a model unless the registry knows it as it is now."""
    from pipelines.serving import package, registry

    data = artifacts.PREPARED / one.dataset
    if not (data / "meta.json").exists():
        _log.warning(
            "%s: not here, so %s is recorded but not registered; run: dvc repro prepare@%s",
            data,
            one.name,
            one.dataset,
        )
        return False
    tags = package.tags(one.model, one.evaluation)
    if one.name in there and there[one.name].facts == tags:
        return False
    run = _known(one, known)
    assert run is not None  # it was recorded just now
    registry.register(one.model, run, tags)
    return True


def _record_all(chosen: Sequence[ModelEntry], known: Known, tables: Tables) -> list[str]:
    """Record the missing parts of each model, by several threads where a server answers."""
    now = int(time.time() * 1000) - len(chosen)
    with ThreadPoolExecutor(THREADS if store.is_server() else 1) as pool:
        begun = [
            pool.submit(_record, one, known, tables, now + rank) for rank, one in enumerate(chosen)
        ]
        try:
            done = [each.result() for each in begun]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [one.name for one, new in zip(chosen, done, strict=True) if new]


def _record(one: ModelEntry, known: Known, tables: Tables, began: int) -> bool:
    """Record the missing parts of one model; returns whether any were missing.

    A new run begins at ``began`` (ms), so that the UI has all in their order.
    """
    before = _known(one, known)
    lacks = _lacks(one, before)
    if not lacks:
        return False
    run = Run(one.dataset, one.name, watched=False, began=began)
    with tracking.fill(
        run,
        before.id if before else None,
        stage=one.stage,
        parameters=tables.get(one.kind, {}).get(one.name, {}),
        inputs=provenance.stage_inputs(f"{one.stage}@{one.name}"),
        dataset=artifacts.PREPARED / one.dataset,
        others=[run.id for run in known[one.dataset] or () if run.made[:2] == one.known_by[:2]],
    ):
        for part in lacks:
            RECORDERS[part](run, one, before)
    if run.guard.lost:
        raise UserError(f"{one.model}: not recorded; start the tracking store and repeat")
    return True


def _current(chosen: Collection[ModelEntry]) -> Known:
    """The current runs of the datasets of some models."""
    return {data: queries.current(data) for data in {one.dataset for one in chosen}}


def _known(one: ModelEntry, known: Known) -> StoredRun | None:
    """The run that made a model: one of the current ones, or an older one."""
    there = known[one.dataset]
    if there is None:
        return None
    for run in there:
        if run.made == one.known_by:
            return run
    return queries.find_run(one.dataset, one.name, one.model, one.digest)


def _lacks(one: ModelEntry, known: StoredRun | None) -> list[str]:
    """The parts of a model, keys of ``RECORDERS``, that the store is without."""
    tags, metrics = (known.tags, known.metrics) if known else ({}, {})
    results = provenance.numbers(one.results)
    columns = {key for key in one.epochs[0] if "/" in key} if one.epochs else set()
    lacks = {
        "model": "model.digest" not in tags,
        "curve": not columns <= set(metrics),
        "parts": bool(_new_parts(one, known)),
        "graded": bool(_changed_parts(one, known)),
        "results": any(_differ(metrics.get(key), value) for key, value in results.items()),
        "files": one.evaluation.is_dir()
        and bool(results)
        and tags.get(one.files) != provenance.digest(one.evaluation),
    }
    return [part for part, lacking in lacks.items() if lacking]


def _new_parts(one: ModelEntry, known: StoredRun | None) -> list[str]:
    """Names of the parts that the store is without, or has as they once were."""
    there = known.parts if known else {}
    return [
        name
        for name, part in one.parts.items()
        if name not in there or there[name].tags.get("part.digest") != part.digest
    ]


def _changed_parts(one: ModelEntry, known: StoredRun | None) -> dict[str, Mapping[str, float]]:
    """Figures of parts that the store has with others, or without."""
    there = known.parts if known else {}
    return {
        name: one.parts[name].metrics
        for name, run in there.items()
        if name in one.parts
        and any(_differ(run.metrics.get(k), v) for k, v in one.parts[name].metrics.items())
    }


def _differ(known: float | None, value: float) -> bool:
    """Whether a metric is to be written; stores keep NaN and infinity in ways of their own."""
    return known is None or (math.isfinite(value) and known != value)


def _record_parts(run: Run, one: ModelEntry, known: StoredRun | None) -> None:
    for name in _new_parts(one, known):
        part = one.parts[name]
        tags = {"part.digest": part.digest} if part.digest else {}
        if known and name in known.parts:
            run.retire(known.parts[name].id)
        run.log_child(name, part.parameters, part.epochs, part.metrics, tags)


RECORDERS: dict[str, Callable[[Run, ModelEntry, StoredRun | None], None]] = {
    "model": lambda run, one, known: run.log_model(one.model, one.digest),
    "curve": lambda run, one, known: run.log_epochs(one.epochs),
    "parts": _record_parts,
    "graded": lambda run, one, known: run.log_child_metrics(_changed_parts(one, known)),
    "results": lambda run, one, known: run.log_metrics(one.results),
    "files": lambda run, one, known: run.log_files(one.evaluation),
}
