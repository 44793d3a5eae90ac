"""Recording of models in ``artifacts/`` that the tracking store lacks."""

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from ae_lightning import artifacts
from ae_lightning.errors import UserError
from pipelines.tracking import artifact_index, descriptions, provenance, queries, store
from pipelines.tracking.artifact_index import ChildRun, ModelEntry, Tables
from pipelines.tracking.recorder import Run

# isort: split
# After `queries`, whose `store` sets what MLflow reads as it is imported.
import mlflow.entities as entities

if TYPE_CHECKING:
    from pipelines.serving.registry import RegistryEntry

Registry = Mapping[str, "RegistryEntry"]
Known = Mapping[tuple[str, str, str], entities.Run]
"""The current runs by what they made."""

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
    queries.close_orphans()
    tables = artifact_index.configured() if parameters is None else parameters
    chosen = artifact_index.everything(tables, names)
    _restore({*(one.dataset for one in chosen), descriptions.REPORT})
    record = partial(_record, known=_current(chosen), tables=tables)
    began = int(time.time() * 1000) - len(chosen)  # in their order, a millisecond each
    with ThreadPoolExecutor(THREADS if store.is_server() else 1) as pool:
        recorded = pool.map(record, chosen, range(began, began + len(chosen)))
        published = [one.name for one, new in zip(chosen, recorded, strict=True) if new]
    _retire(chosen)
    published += [name for name in _register(chosen) if name not in published]
    descriptions.describe(chosen, tables)
    return published


def _restore(datasets: Collection[str]) -> None:
    """Take experiments back that were deleted in the UI, before their runs are looked for."""
    with queries.answering():
        for dataset in sorted(datasets):
            if queries.restore(dataset):
                print(f"experiment {dataset}: taken back from the bin, with its runs")


def _retire(chosen: Collection[ModelEntry]) -> None:
    """Let one run of each name be current, whatever was deleted, restored or renamed in the UI."""
    for dataset in {one.dataset for one in chosen}:
        there = queries.current_and_parts(dataset)
        for one in chosen:
            if one.dataset == dataset:
                _retire_all_but_one(one, there)


def _retire_all_but_one(one: ModelEntry, there: Collection[entities.Run]) -> None:
    """Of a model's runs only the one that made it, and the newest of each of its parts, stay."""
    kept = _known(one, _newest(there))
    assert kept is not None  # it was recorded just now
    whole = [run for run in there if run.data.tags.get("stage") == one.stage]
    parts = [run for run in there if queries.is_part(run)] if one.usable else []
    with queries.answering():
        newest = queries.children(kept.info.run_id).values() if one.parts else ()
        for run in (kept, *newest):
            queries.tag(run, {"current": "true"})
        stays = {run.info.run_id for run in (kept, *newest)}
        for run in (*whole, *parts):
            if run.data.tags.get("variant") == one.name and run.info.run_id not in stays:
                queries.tag(run, {"current": "false"})
                print(f"{run.info.run_name}: run {run.info.run_id} is not current any more")


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
    if one.name in there and there[one.name].facts == tags and registry.has_files(one.name):
        return False
    run = _known(one, known)
    assert run is not None  # it was recorded just now
    registry.register(one.model, run.info, tags)
    return True


def _current(chosen: Collection[ModelEntry]) -> Known:
    """The current runs of the datasets of some models."""
    found = [run for data in {one.dataset for one in chosen} for run in queries.current(data)]
    return _newest(found)


def _newest(found: Collection[entities.Run]) -> Known:
    """Of runs, newest first, the first of each model."""
    return {queries.made(run): run for run in reversed([*found])}


def _known(one: ModelEntry, known: Known) -> entities.Run | None:
    """The run that made a model: one of the current ones, or an older one."""
    if one.known_by in known:
        return known[one.known_by]
    with queries.answering():
        return next(iter(queries.made_by(one.dataset, *one.known_by)), None)


def _record(one: ModelEntry, began: int, known: Known, tables: Tables) -> bool:
    """Record what is missing of one model; returns whether anything was.

    A new run begins at ``began`` (ms), so that the UI has all in their order.
    """
    before = _known(one, known)
    missing = list(_missing(one, before))
    if not missing:
        return False
    run = Run(
        one.dataset,
        one.name,
        one.stage,
        tables.get(one.kind, {}).get(one.name, {}),
        provenance.stage_inputs(f"{one.stage}@{one.name}"),
        artifacts.PREPARED / one.dataset,
        by="publish",
        known=before.info.run_id if before else None,
        began=began,
    )
    with run:
        for record in missing:
            record(run)
    if run.guard.lost:
        raise UserError(
            f"{one.model}: not recorded: the tracking store {store.shown()} failed (the line above "
            "says how); mend or start it, then run `ae publish` again"
        )
    return True


def _missing(one: ModelEntry, known: entities.Run | None) -> Iterator[Callable[[Run], None]]:
    """What records each of those parts of a model that the store is without."""
    tags, metrics = (known.data.tags, known.data.metrics) if known else ({}, {})
    if "model.digest" not in tags or not _has_files(known, "model"):
        yield lambda run: run.log_model(one.model, one.digest)
    if not {key for row in one.epochs[:1] for key in row if "/" in key} <= set(metrics):
        yield lambda run: run.log_epochs(one.epochs)
    yield from _missing_parts(one, known)
    if _differ(metrics, one.results):
        yield lambda run: run.log_metrics(one.results)
    kind = one.evaluation.parent.name
    if (one.results and one.evaluation.is_dir()) and (
        tags.get(f"{kind}.digest") != provenance.digest(one.evaluation)
        or not _has_files(known, kind)
    ):
        yield lambda run: run.log_files(one.evaluation)


def _has_files(run: entities.Run | None, place: str) -> bool:
    with queries.answering():
        return run is not None and queries.has_files(run, place)


def _missing_parts(one: ModelEntry, known: entities.Run | None) -> Iterator[Callable[[Run], None]]:
    """The same of its parts: those that are new or were trained again, and others' figures."""
    with queries.answering():
        there = queries.children(known.info.run_id) if known and one.parts else {}
    changed = {}
    for name, part in one.parts.items():
        old = there.get(name)
        if old is None or old.data.tags.get("part.digest") != part.digest:
            yield partial(_record_part, name=name, part=part, old=old)
        elif _differ(old.data.metrics, part.metrics):
            changed[name] = part.metrics
    if changed:
        yield lambda run: run.log_child_metrics(changed)


def _record_part(run: Run, name: str, part: ChildRun, old: entities.Run | None) -> None:
    if old:
        run.retire(old.info.run_id)
    tags = {"part.digest": part.digest} if part.digest else {}
    run.log_child(name, part.parameters, part.epochs, part.metrics, tags)


def _differ(known: Mapping[str, float], values: Mapping[str, float]) -> bool:
    """Whether metrics are to be written; stores keep NaN and infinity in ways of their own."""
    return any(
        key not in known or (math.isfinite(value) and known[key] != value)
        for key, value in values.items()
    )
