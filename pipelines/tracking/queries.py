"""Queries of the tracking store: the runs of a dataset, their parts, which are current."""

import hashlib
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import TypeVar

from ae_lightning.errors import UserError
from ae_lightning.redact import redact
from pipelines.tracking import provenance, store
from pipelines.tracking.store import Guard

# isort: split
# After `store`, which sets what MLflow reads as it is imported.
import mlflow.entities as entities
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList

PARENT = "mlflow.parentRunId"
NOTE, OURS = "mlflow.note.content", "note.digest"
"""Tags with a description and, so that nobody's own is replaced, the digest of ours."""
CURRENT = "tags.current = 'true'"
PAGE = 1000
T = TypeVar("T")
STAGES = {"layers": "pretrain", "models": "finetune", "classifiers": "supervise"}
"""Folder of artifacts/ -> the stage that makes what is in it."""


def made(run: entities.Run) -> tuple[str, str, str]:
    """Identity of the model that a run made: name, stage, digest."""
    tags = run.data.tags
    return run.info.run_name or "", tags.get("stage", ""), tags.get("model.digest", "")


def page(run: entities.Run, artifact: str = "") -> str:
    """Where a run, or one of its files, is in the UI, from any page of it."""
    place = f"/artifacts/{artifact}" if artifact else ""
    info = run.info
    return f"#/experiments/{info.experiment_id}/runs/{info.run_id}{place}{store.UI_MODE}"


def current(experiment: str) -> list[entities.Run]:
    """The current runs of a dataset, without parts.

    Raises:
        UserError: If the store does not answer.
    """
    return [run for run in current_and_parts(experiment) if not is_part(run)]


def current_and_parts(experiment: str) -> list[entities.Run]:
    """The current runs of a dataset and their parts, newest first.

    Raises:
        UserError: If the store does not answer.
    """
    with answering():
        return _search_in(experiment, CURRENT)


def is_part(run: entities.Run) -> bool:
    """Whether a run is a part of another, also if somebody has renamed it."""
    return run.data.tags.get("kind") == "part" or bool(part_of(run.info.run_name or ""))


def has_files(run: entities.Run, place: str) -> bool:
    """Whether a run's artifacts have that folder, and something in it."""
    return bool(client().list_artifacts(run.info.run_id, place))


def part_of(name: str) -> str:
    """The part's own name in ``VARIANT/PART``; empty for a whole run."""
    return name.partition("/")[2]


def children(run: str) -> dict[str, entities.Run]:
    """The parts of a run by their names, without that of the run itself; the newest of a name.

    Layers that lie below a variant's run are no parts of it.
    """
    experiment = client().get_run(run).info.experiment_id
    found = search(experiment, f"tags.`{PARENT}` = '{run}'")
    parts = {part_of(part.info.run_name or ""): part for part in reversed(found)}
    return {name: part for name, part in parts.items() if name}


def named(experiment: str, name: str, tags: Mapping[str, str]) -> list[entities.Run]:
    """The runs of that name with those tags, newest first."""
    clauses = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    return _search_in(experiment, " and ".join([*clauses, f"attributes.run_name = '{name}'"]))


def made_by(experiment: str, name: str, stage: str, digest: str) -> list[entities.Run]:
    """The runs of a stage that made the model with that digest, newest first."""
    return named(experiment, name, {"model.digest": digest, "stage": stage})


def search(experiment: str, clauses: str) -> list[entities.Run]:
    """All runs of an experiment, by id, that a filter lets through, newest first."""
    newest = ["attributes.start_time DESC"]
    ask = partial(client().search_runs, [experiment], clauses, max_results=PAGE, order_by=newest)
    return list(every(ask))


def every(ask: Callable[..., PagedList[T]]) -> Iterator[T]:
    """What the store has on all pages of an answer."""
    token: str | None = ""
    while token is not None:
        found = ask(page_token=token or None)
        yield from found
        token = found.token or None


def _search_in(experiment: str, clauses: str) -> list[entities.Run]:
    """The same by the experiment's name; none if nothing of it was ever recorded."""
    known = client().get_experiment_by_name(experiment)
    return search(known.experiment_id, clauses) if known else []


def run_tags(tags: Mapping[str, str]) -> list[entities.RunTag]:
    """Tags, without secrets, as a batch of records takes them."""
    return [entities.RunTag(key, redact(value)) for key, value in tags.items()]


def tag(run: entities.Run, tags: Mapping[str, str]) -> None:
    """Set the tags of a run that are not as they should be, in one request or none."""
    if fresh := lacking(run.data.tags, tags):
        client().log_batch(run.info.run_id, tags=run_tags(fresh))


def tag_experiment(experiment: str, tags: Mapping[str, str]) -> None:
    """Set tags of an experiment that are not as they should be; see :func:`lacking`."""
    known = client().get_experiment(experiment).tags
    for key, value in lacking(known, tags).items():
        client().set_experiment_tag(experiment, key, value)


def lacking(known: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The tags that are not as wanted; a description only if nobody else has written it."""
    plain = {key: redact(value) for key, value in wanted.items()}
    fresh = {key: value for key, value in plain.items() if known.get(key) != value}
    if NOTE in fresh:
        if not ours(known.get(NOTE), known):
            del fresh[NOTE]
        else:
            fresh[OURS] = _digest(fresh[NOTE])
    return fresh


def signed(note: str) -> tuple[str, str]:
    """The tag that marks a description as ours."""
    return OURS, _digest(note)


def ours(note: str | None, tags: Mapping[str, str]) -> bool:
    """Whether a description is absent or the one that we have written."""
    return not note or tags.get(OURS) == _digest(note)


def experiment_id(dataset: str) -> str:
    """The dataset's experiment, made or taken back from the bin where needed."""
    known = client().get_experiment_by_name(dataset)
    if known is None:
        try:
            return client().create_experiment(dataset, store.artifacts())
        except MlflowException:  # another process was faster
            known = client().get_experiment_by_name(dataset)
            if known is None:
                raise
    restore(dataset)
    return known.experiment_id


def restore(dataset: str) -> bool:
    """Take the dataset's experiment back from the bin; returns whether it was there.

    Its runs come back with it, also those that had been deleted before.
    """
    known = client().get_experiment_by_name(dataset)
    if known is None or known.lifecycle_stage != entities.LifecycleStage.DELETED:
        return False
    client().restore_experiment(known.experiment_id)
    return True


def close_orphans() -> int:
    """Mark runs KILLED whose process on this host has ended; the number of them."""
    with Guard():
        experiments = [known.experiment_id for known in client().search_experiments()]
        host = f"tags.`process.host` = '{socket.gethostname()}'"
        running = client().search_runs(experiments, f"attributes.status = 'RUNNING' and {host}")
        gone = [run.info.run_id for run in running if provenance.is_gone(run.data.tags)]
        for run in gone:
            client().set_terminated(run, "KILLED")
        return len(gone)
    return 0


def run_url(experiment: str, name: str, guard: Guard | None = None) -> str | None:
    """The page of the current run of that variant or classifier, if the store knows one.

    With one guard for several, a store that does not answer is asked once.
    """
    guard = guard or Guard()
    with guard:
        if guard.lost:
            return None
        found = named(experiment, name, {"current": "true"})
        for run in sorted(found, key=lambda run: run.data.tags.get("stage") == STAGES["layers"]):
            return store.run_address(run.info.experiment_id, run.info.run_id)
    return None


@contextmanager
def answering() -> Iterator[None]:
    """A block without which a command cannot go on.

    Raises:
        UserError: If the store does not answer.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"MLFLOW_TRACKING_URI: the tracking store must answer, {store.shown()} does not "
            f"({store.first_line(error)}); start it, then run the same again"
        ) from error


def check_store() -> None:
    """Make sure that the store answers.

    Raises:
        UserError: If it does not.
    """
    with answering():
        client().search_experiments(max_results=1)


def client() -> MlflowClient:
    """MLflow's client of the store."""
    return _connected(store.uri())


@cache
def _connected(uri: str) -> MlflowClient:
    with store.opening(uri):
        return MlflowClient(uri)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
