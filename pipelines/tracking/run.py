"""An open run of MLflow, in which a stage or ``ae publish`` records.

Recording never stops the work: methods that call the store are ``guarded``, so that the first
failure is told in one line and the rest of the run goes unrecorded until ``ae publish`` fills the
gap.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.tracking import provenance, queries, watchdog
from pipelines.tracking.queries import PARENT, client
from pipelines.tracking.store import Guard, guarded

# isort: split
# After `queries`, whose `store` sets what MLflow reads as it is imported.
import mlflow.entities as entities
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAM_VAL_LENGTH

if TYPE_CHECKING:
    from pipelines.tracking.lightning_logger import EpochLogger

LAYER_FILE = re.compile(r"layer-(\d+)\.safetensors")


class Run:
    """An open run; on other ranks than the first, and once the store is lost, it does nothing.

    Args:
        experiment: The dataset's name.
        name: The run's.
        watched: Whether a process of its own closes the run should this one be killed.
        began: When a new run begins, in ms; now by default. Its parts have ended then.
    """

    def __init__(
        self, experiment: str, name: str, *, watched: bool = True, began: int | None = None
    ) -> None:
        self.experiment = experiment
        self.name = name
        self.id: str | None = None
        self.stage = ""
        self.guard = Guard(lost=not provenance.is_first_rank())
        self._watched = watched
        self._began = began
        self._fresh = False
        self._watchdog: watchdog.Watchdog | None = None

    @cached_property
    def logger(self) -> "EpochLogger":
        """A Lightning logger that records each epoch's metrics with the epoch as step."""
        from pipelines.tracking.lightning_logger import (
            EpochLogger,  # Lightning takes seconds to import
        )

        return EpochLogger(self)

    @guarded
    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Record the numbers of a nested mapping; what is no number is left out."""
        now = int(time.time() * 1000)
        numbers = provenance.numbers(metrics).items()
        _log(self._id, [entities.Metric(key, value, now, step) for key, value in numbers])

    @guarded
    def log_epochs(self, epochs: Sequence[Mapping[str, float]]) -> None:
        """Record the metrics (names with a slash) of all epochs of a training that has ended."""
        _log(self._id, _points(epochs, int(time.time() * 1000)))

    @guarded
    def log_model(self, model: Path, digest: str | None = None) -> None:
        """Upload a model's folder; its digest follows last, so that it vouches for the whole.

        Of a layer only its own weights: those below are in the runs of the layers below.
        """
        for file in _own(model) if model.parent.name == "layers" else [model]:
            upload = client().log_artifacts if file.is_dir() else client().log_artifact
            upload(self._id, str(file), "model")
        client().set_tag(self._id, "model.digest", digest or provenance.digest(model))

    @guarded
    def log_files(self, folder: Path, digest: str | None = None) -> None:
        """Upload the files of ``artifacts/<kind>/<name>`` under ``<kind>``, then their digest."""
        kind = folder.parent.name
        client().log_artifacts(self._id, str(folder), kind)
        client().set_tag(self._id, f"{kind}.digest", digest or provenance.digest(folder))

    @guarded
    def log_folder(self, folder: Path) -> None:
        """Upload the files of a folder to the top of the run's artifacts."""
        client().log_artifacts(self._id, str(folder))

    @guarded
    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        queries.tag(self._id, tags)

    @guarded
    def log_child(
        self,
        name: str,
        parameters: Mapping[str, Any],
        epochs: Sequence[Mapping[str, float]],
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Record a part of this run that has ended as a run below it, ``VARIANT/NAME``.

        Args:
            name: What tells it from the others.
            parameters: Its own, beside those of this run.
            epochs: Each epoch's metrics (names with a slash) and ``seconds`` since its beginning.
            metrics: Its figures, if they are known.
            tags: Its own, beside those of every part.
        """
        now = self._began or int(time.time() * 1000)
        began = now - int(1000 * epochs[-1]["seconds"])
        known = {PARENT: self._id, "variant": self.name, "current": "true", "kind": "part"}
        child = client().create_run(
            self._experiment,
            began,
            known | provenance.commit() | dict(tags or {}),
            f"{self.name}/{name}",
        )
        points = _points(epochs, began, seconds=True)
        points += [entities.Metric(key, value, now, 0) for key, value in (metrics or {}).items()]
        values = [entities.Param(key, provenance.as_text(v)) for key, v in parameters.items()]
        _log(child.info.run_id, points, values)
        client().set_terminated(child.info.run_id, "FINISHED", now)

    @guarded
    def log_child_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Record figures of this run's parts by their name; parts that it lacks are left out."""
        now = int(time.time() * 1000)
        for name, child in queries.children(self._id).items():
            values = metrics.get(name, {}).items()
            _log(child.info.run_id, [entities.Metric(key, value, now, 0) for key, value in values])

    @guarded
    def retire(self, run: str) -> None:
        """Mark another run as superseded."""
        client().set_tag(run, "current", "false")

    @guarded
    def create(self, stage: str, inputs: Sequence[Path], by: str | None = None) -> None:
        """Begin a new run of a stage, which another stage may record for it afterwards."""
        tags = {
            "stage": stage,
            "recorded_by": by or stage,
            "variant": self.name,
            **provenance.tags(inputs),
            **provenance.process(),
        }
        self._watch()
        self.stage = stage
        self.id = client().create_run(self._experiment, self._began, tags, self.name).info.run_id
        self._fresh = True

    @guarded
    def reopen(self, run: str, stage: str, by: str, inputs: Sequence[Path]) -> None:
        """Go on in an existing run of a stage; its tags stay, ours begin with who goes on."""
        self._watch()
        self.id, self.stage = run, stage
        client().update_run(run, status="RUNNING")
        mine = provenance.tags(inputs).items()
        ours = {f"{by}.{k}": v for k, v in mine if not k.startswith("mlflow.")}
        queries.tag(run, {**ours, **provenance.process()})

    @guarded
    def describe(
        self,
        parameters: Mapping[str, Any],
        dataset: Path | None,
        others: Sequence[str] | None = None,
    ) -> None:
        """Record parameters that the run lacks, its dataset, and that it is the current one.

        Args:
            parameters: Resolved, nested.
            dataset: The prepared dataset.
            others: Ids of the current runs of that name; the store is asked if they are not known.
        """
        values = {k: provenance.as_text(v) for k, v in provenance.flatten(parameters).items()}
        known = {} if self._fresh else client().get_run(self._id).data.params
        fresh = {key: value for key, value in values.items() if key not in known}
        if any(len(value) > MAX_PARAM_VAL_LENGTH for value in fresh.values()):
            client().log_dict(self._id, dict(values), "parameters.json")
        tags = {"current": "true", **{k: v for k, v in values.items() if k == "kind"}}
        client().log_batch(
            self._id,
            params=[entities.Param(k, v[:MAX_PARAM_VAL_LENGTH]) for k, v in fresh.items()],
            tags=[entities.RunTag(k, v) for k, v in tags.items()],
        )
        if dataset:
            _log_dataset(self._id, _dataset(self.experiment, dataset))
        if others is None:
            known_by = {"current": "true", "stage": self.stage}  # a layer may have a variant's name
            found = queries.named(self.experiment, self.name, known_by)
            others = [other.info.run_id for other in found]
        for other in set(others) - {self.id}:
            for run in (other, *(part.info.run_id for part in queries.children(other).values())):
                self.retire(run)

    @guarded
    def close(self, status: str) -> None:
        """End the run. Where the store is lost, the watchdog tries once more after the process."""
        client().set_terminated(self._id, status)
        if self._watchdog:
            watchdog.release(self._watchdog)

    def _watch(self) -> None:
        self._watchdog = watchdog.watch() if self._watched else None

    @property
    def _id(self) -> str:
        assert self.id is not None
        return self.id

    @cached_property
    def _experiment(self) -> str:
        return queries.experiment_id(self.experiment)


def _dataset(name: str, path: Path) -> entities.DatasetInput:
    """The dataset by name and DVC's hash; its arrays stay where they are."""
    digest = provenance.dvc_hashes([path]).get(path, "untracked")
    source = json.dumps({"uri": path.as_posix()})
    known = entities.Dataset(name, digest, source_type="local", source=source)
    return entities.DatasetInput(known, [entities.InputTag("mlflow.data.context", "training")])


def _log_dataset(run: str, dataset: entities.DatasetInput) -> None:
    try:
        client().log_inputs(run, [dataset])
    except MlflowException:  # another one was entering the same new dataset
        client().log_inputs(run, [dataset])


def _own(layer: Path) -> list[Path]:
    """The files of a pretrained layer's folder without the weights of the layers below it."""
    files = sorted(path for path in layer.iterdir() if path.is_file())
    numbers = {path: int(m[1]) for path in files if (m := LAYER_FILE.fullmatch(path.name))}
    top = max(numbers.values(), default=0)
    first = top < 2  # what is done before the first layer is kept with it
    return [
        path
        for path in files
        if numbers.get(path, top) == top and (first or path in numbers or path.suffix == ".json")
    ]


def _points(
    epochs: Sequence[Mapping[str, float]], began: int, *, seconds: bool = False
) -> list[entities.Metric]:
    """The metrics (names with a slash) of each epoch, at ``began`` or ``seconds`` after it."""
    return [
        entities.Metric(key, value, began + int(1000 * row["seconds"] if seconds else 0), step)
        for step, row in enumerate(epochs)
        for key, value in row.items()
        if "/" in key
    ]


def _log(
    run: str, points: Sequence[entities.Metric], parameters: Sequence[entities.Param] = ()
) -> None:
    """Record metrics in as few requests as a store takes, parameters in the first."""
    for begin in range(0, max(1, len(points)), MAX_METRICS_PER_BATCH):
        part = points[begin : begin + MAX_METRICS_PER_BATCH]
        client().log_batch(run, metrics=part, params=[] if begin else parameters)
