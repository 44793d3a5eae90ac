"""MLflow's side of a stage: one experiment per dataset, one run per variant and pretrained layer.

Recording never stops the work: what speaks to the store is ``guarded``, so that the first failure
is told in one line and the rest of the run goes unrecorded until ``ae publish`` fills the gap.

`resume` finds a run by its model's contents, not by an id written into the model's folder: so a
stage's outputs stay the same bit for bit from run to run and from checkout to checkout.
"""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ae_lightning.errors import UserError
from pipelines import identity, store, watchdog
from pipelines.store import Guard, guarded

# isort: split
# After `store`, which sets what MLflow reads as it is imported.
import mlflow.entities as entities
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH

if TYPE_CHECKING:
    from pipelines.epochs import EpochLogger

# Folder of artifacts/ -> its stage.
STAGES = {"layers": "pretrain", "models": "finetune", "classifiers": "supervise"}
PARENT = "mlflow.parentRunId"
NOTE = """Autoencoders on **{dataset}**: one run per variant, classifier and pretrained layer.

Below a classifier's run lies one for each start, number of labels and seed.

`current` = true marks the newest run of each name. `train/…` and `val/…` are per epoch; names with
dots (`reconstruction.sse`, `knn.accuracy_at_1`, …) are measured on the test part, as in
`artifacts/evaluation/<variant>/metrics.json`. Select runs and *Compare* them side by side."""


class Run:
    """An open run; on other ranks than the first, and once the store is lost, it does nothing."""

    def __init__(self, experiment: str, name: str) -> None:
        self.experiment = experiment
        self.name = name
        self.id: str | None = None
        self.guard = Guard(lost=not identity.is_first_rank())
        self._watchdog: watchdog.Watchdog | None = None

    @cached_property
    def logger(self) -> "EpochLogger":
        """A Lightning logger that records each epoch's metrics with the epoch as step."""
        from pipelines.epochs import EpochLogger  # Lightning takes seconds to import

        return EpochLogger(self)

    @guarded
    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Record the numbers of a nested mapping; what is no number is left out."""
        now = int(time.time() * 1000)
        numbers = identity.numbers(metrics).items()
        points = [entities.Metric(key, value, now, step) for key, value in numbers]
        client().log_batch(self._id, metrics=points)

    @guarded
    def log_model(self, model: Path) -> None:
        """Upload a model's folder; its digest follows last, so that it vouches for the whole."""
        client().log_artifacts(self._id, str(model), "model")
        client().set_tag(self._id, "model.digest", identity.digest(model))

    @guarded
    def log_files(self, folder: Path) -> None:
        """Upload the files of ``artifacts/<kind>/<name>`` under ``<kind>``, then their digest."""
        kind = folder.parent.name
        client().log_artifacts(self._id, str(folder), kind)
        client().set_tag(self._id, f"{kind}.digest", identity.digest(folder))

    @guarded
    def log_child(
        self, name: str, parameters: Mapping[str, Any], epochs: Sequence[Mapping[str, float]]
    ) -> None:
        """Record a part of this run that has ended as a run below it, ``VARIANT/NAME``.

        Args:
            name: What tells it from the others.
            parameters: Its own, beside those of this run.
            epochs: Each epoch's metrics (names with a slash) and ``seconds`` since its beginning.
        """
        now = int(time.time() * 1000)
        began = now - int(1000 * epochs[-1]["seconds"])
        tags = {PARENT: self._id, "variant": self.name, "current": "true", **identity.commit()}
        child = client().create_run(
            _experiment_id(self.experiment), began, tags, f"{self.name}/{name}"
        )
        points = [
            entities.Metric(key, value, began + int(1000 * row["seconds"]), step)
            for step, row in enumerate(epochs)
            for key, value in row.items()
            if "/" in key
        ]
        values = [entities.Param(key, identity.as_text(v)) for key, v in parameters.items()]
        client().log_batch(child.info.run_id, metrics=points, params=values)
        client().set_terminated(child.info.run_id, "FINISHED")

    @guarded
    def log_child_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Record figures of this run's parts by their name; parts that it lacks are left out."""
        now = int(time.time() * 1000)
        for name, child in children(self._id).items():
            values = metrics.get(name, {}).items()
            points = [entities.Metric(key, value, now, 0) for key, value in values]
            client().log_batch(child.info.run_id, metrics=points)

    @guarded
    def create(self, stage: str, inputs: Sequence[Path], by: str | None = None) -> None:
        """Begin a new run of a stage, which another stage may record for it afterwards."""
        tags = {
            "stage": stage,
            "recorded_by": by or stage,
            "variant": self.name,
            **identity.tags(inputs),
            **identity.process(),
        }
        experiment = _experiment_id(self.experiment)
        self._watchdog = watchdog.watch()
        self.id = client().create_run(experiment, run_name=self.name, tags=tags).info.run_id

    @guarded
    def reopen(self, run: str, stage: str, inputs: Sequence[Path]) -> None:
        """Go on in an existing run; what it was made from stays, ours is tagged with our stage."""
        self._watchdog = watchdog.watch()
        self.id = run
        client().update_run(run, status="RUNNING")
        mine = identity.tags(inputs).items()
        ours = {f"{stage}.{k}": v for k, v in mine if not k.startswith("mlflow.")}
        self._set_tags({**ours, **identity.process()})

    @guarded
    def describe(self, parameters: Mapping[str, Any], dataset: Path | None) -> None:
        """Record parameters that the run lacks, its dataset, and that it is the current one."""
        values = {k: identity.as_text(v) for k, v in identity.flatten(parameters).items()}
        known = client().get_run(self._id).data.params
        fresh = {key: value for key, value in values.items() if key not in known}
        if any(len(value) > MAX_PARAM_VAL_LENGTH for value in fresh.values()):
            client().log_dict(self._id, dict(values), "parameters.json")
        client().log_batch(
            self._id,
            params=[entities.Param(k, v[:MAX_PARAM_VAL_LENGTH]) for k, v in fresh.items()],
        )
        if dataset:
            client().log_inputs(self._id, [_dataset(self.experiment, dataset)])
        for other in _runs(self.experiment, self.name, {"current": "true"}):
            parts = children(other.info.run_id) if other.info.run_id != self._id else {}
            for run in (other, *parts.values()):
                client().set_tag(run.info.run_id, "current", "false")
        self._set_tags({"current": "true"})

    @guarded
    def close(self, status: str) -> None:
        """End the run. Where the store is lost, the watchdog tries once more after the process."""
        client().set_terminated(self._id, status)
        if self._watchdog:
            watchdog.release(self._watchdog)

    @property
    def _id(self) -> str:
        assert self.id is not None
        return self.id

    def _set_tags(self, tags: Mapping[str, str]) -> None:
        client().log_batch(self._id, tags=[entities.RunTag(k, v) for k, v in tags.items()])


@contextmanager
def start(
    *,
    experiment: str,
    name: str,
    stage: str,
    parameters: Mapping[str, Any],
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
) -> Iterator[Run]:
    """Record the block as a new run; it ends FINISHED, FAILED or KILLED as the block does.

    Args:
        experiment: The dataset's name.
        name: The variant's or layer's name.
        stage: ``pretrain`` or ``finetune``.
        parameters: Resolved parameters, nested.
        inputs: Artifacts it is built from, whose DVC hashes become tags.
        dataset: The prepared dataset, recorded as MLflow's dataset input.
    """
    run = Run(experiment, name)
    run.create(stage, inputs)
    run.describe(parameters, dataset)
    with _closing(run):
        yield run


@contextmanager
def resume(
    *,
    experiment: str,
    name: str,
    model: Path,
    parameters: Mapping[str, Any],
    stage: str = "evaluate",
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
) -> Iterator[Run]:
    """Record the block in the newest run that made this very model, whatever machine it was on.

    The run is found by the tag ``model.digest``. Where the store knows none (it was away, or DVC
    brought the model), a new run begins with the model's files.
    """
    run = Run(experiment, name)
    found: list[str] = []
    if not run.guard.lost:
        with run.guard:
            found = [known.info.run_id for known in _made_by(experiment, name, model)]
    if found:
        run.reopen(found[0], stage, inputs)
    else:
        run.create(STAGES.get(model.parent.name, stage), inputs, by=stage)
        run.log_model(model)
    run.describe(parameters, dataset)
    with _closing(run):
        yield run


@contextmanager
def _closing(run: Run) -> Iterator[None]:
    """Close the run as the block ends: an exit on a signal or Ctrl-C is no failure of ours."""
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        run.close(status)


@dataclass(frozen=True)
class Recorded:
    """What the store knows of a run; ``parts`` are the metrics of those below it, by name."""

    id: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    parts: Mapping[str, Mapping[str, float]]


def recorded(experiment: str, name: str, model: Path) -> Recorded | None:
    """The newest run that made this model.

    Raises:
        UserError: If the store does not answer.
    """
    with answering():
        found = _made_by(experiment, name, model)
        below = children(found[0].info.run_id) if found else {}
    parts = {part: run.data.metrics for part, run in below.items()}
    if not found:
        return None
    return Recorded(found[0].info.run_id, found[0].data.tags, found[0].data.metrics, parts)


@contextmanager
def answering() -> Iterator[None]:
    """A block without which `ae publish` cannot go on.

    Raises:
        UserError: If the store does not answer.
    """
    try:
        yield
    except Exception as error:
        raise UserError(
            f"MLFLOW_TRACKING_URI: the tracking store must answer, {store.shown()} does not "
            f"({store.first_line(error)}); start it, then run `ae publish` again"
        ) from error


def children(run: str) -> dict[str, entities.Run]:
    """The parts of a run by their names, without that of the run itself."""
    experiment = client().get_run(run).info.experiment_id
    found: list[entities.Run] = []
    token: str | None = ""
    while token is not None:
        page = client().search_runs(
            [experiment], f"tags.`{PARENT}` = '{run}'", page_token=token or None
        )
        found += page
        token = page.token or None
    return {(part.info.run_name or "").partition("/")[2]: part for part in found}


def close_orphans() -> int:
    """Mark runs KILLED whose process on this host has ended; the number of them."""
    with Guard():
        experiments = [known.experiment_id for known in client().search_experiments()]
        host = f"tags.`process.host` = '{socket.gethostname()}'"
        running = client().search_runs(experiments, f"attributes.status = 'RUNNING' and {host}")
        gone = [run.info.run_id for run in running if identity.is_gone(run.data.tags)]
        for run in gone:
            client().set_terminated(run, "KILLED")
        return len(gone)
    return 0


def run_url(experiment: str, name: str) -> str | None:
    """The page of the current run of that name, if the store knows one."""
    with Guard():
        for run in _runs(experiment, name, {"current": "true"}):
            return store.run_address(run.info.experiment_id, run.info.run_id)
    return None


def ui(port: int = 5000) -> None:
    """Become MLflow's server on the local store; where a server keeps it, print its address.

    Raises:
        UserError: If the port is taken.
    """
    if not store.is_server():
        close_orphans()
    store.serve(port)


def client() -> MlflowClient:
    """MLflow's client of the store."""
    return _connected(store.uri())


@cache
def _connected(uri: str) -> MlflowClient:
    with store.opening(uri):
        return MlflowClient(uri)


def _experiment_id(dataset: str) -> str:
    """The dataset's experiment, made or taken back from the bin where needed."""
    known = client().get_experiment_by_name(dataset)
    if known is None:
        note = {"mlflow.note.content": NOTE.format(dataset=dataset)}
        try:
            return client().create_experiment(dataset, store.artifacts(), note)
        except MlflowException:  # another process was faster
            known = client().get_experiment_by_name(dataset)
            if known is None:
                raise
    if known.lifecycle_stage == entities.LifecycleStage.DELETED:
        client().restore_experiment(known.experiment_id)
    return known.experiment_id


def _runs(experiment: str, name: str, tags: Mapping[str, str]) -> list[entities.Run]:
    """The runs of that name with those tags, newest first."""
    known = client().get_experiment_by_name(experiment)
    if known is None:
        return []
    clauses = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    clauses.append(f"attributes.run_name = '{name}'")
    order = ["attributes.start_time DESC"]
    return list(client().search_runs([known.experiment_id], " and ".join(clauses), order_by=order))


def _made_by(experiment: str, name: str, model: Path) -> list[entities.Run]:
    return _runs(experiment, name, {"model.digest": identity.digest(model)})


def _dataset(name: str, path: Path) -> entities.DatasetInput:
    """The dataset by name and DVC's hash; its arrays stay where they are."""
    digest = identity.dvc_hashes([path]).get(path, "untracked")
    source = json.dumps({"uri": path.as_posix()})
    known = entities.Dataset(name, digest, source_type="local", source=source)
    return entities.DatasetInput(known, [entities.InputTag("mlflow.data.context", "training")])
