"""The recorder: a run of MLflow, written live by a stage or afterwards by ``ae publish``.

Recording never stops the work: methods that call the store are ``guarded``, so that the first
failure is told in one line and the rest of the run goes unrecorded until ``ae publish`` fills the
gap. Tags name the process that records; by them :func:`queries.close_orphans` ends the run of one
that was killed.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pipelines.tracking import provenance, queries
from pipelines.tracking.queries import PARENT, STAGES, client
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
    """A run that is open in a ``with`` block, and ends FINISHED, FAILED or KILLED as that does.

    On other ranks than the first, and once the store is lost, it does nothing. Parameters that an
    older run has already stay; the run becomes the current one of its name and stage.

    Args:
        experiment: The dataset's name.
        name: The variant's, layer's or classifier's name.
        stage: The stage that makes the model: ``pretrain``, ``finetune`` or ``supervise``.
        parameters: Resolved, nested.
        inputs: Artifacts that are read, whose DVC hashes become tags.
        dataset: The prepared dataset, recorded as MLflow's dataset input.
        by: Who records, if not the stage.
        known: The id of the run that goes on; without one, a new run begins.
        model: A model's folder: the newest run that made it goes on, or one begins with its files.
        began: When a new run begins, in ms; now by default. Its parts have ended then.
    """

    def __init__(
        self,
        experiment: str,
        name: str,
        stage: str,
        parameters: Mapping[str, Any],
        inputs: Sequence[Path] = (),
        dataset: Path | None = None,
        *,
        by: str = "",
        known: str | None = None,
        model: Path | None = None,
        began: int | None = None,
    ) -> None:
        self.experiment, self.name, self.stage = experiment, name, stage
        self.id = known
        self.guard = Guard(lost=not provenance.is_first_rank())
        self._values = {k: provenance.as_text(v) for k, v in provenance.flatten(parameters).items()}
        self._inputs, self._dataset, self._model = inputs, dataset, model
        self._by, self._began = by or stage, began

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        # An exit on a signal or Ctrl-C is no failure of ours.
        failed = "FAILED" if isinstance(error, Exception) else "KILLED"
        self._close(failed if error else "FINISHED")

    @cached_property
    def logger(self) -> "EpochLogger":
        """A Lightning logger that records each epoch's metrics with the epoch as step."""
        from pipelines.tracking.lightning_logger import (
            EpochLogger,  # Lightning takes seconds to import
        )

        return EpochLogger(self.name, self.id, self.log_metrics)

    @guarded
    def log_metrics(self, metrics: Mapping[str, Any], step: int = 0) -> None:
        """Record the numbers of a nested mapping; what is no number is left out."""
        _log(self._id, _points(provenance.numbers(metrics), _now(), step))

    @guarded
    def log_epochs(self, epochs: Sequence[Mapping[str, float]]) -> None:
        """Record the metrics (names with a slash) of all epochs of a training that has ended."""
        _log(self._id, _curve(epochs, _now()))

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
    def log_files(self, folder: Path, place: str | None = None) -> None:
        """Upload the files of ``artifacts/KIND/NAME`` under ``KIND``, then the tag KIND.digest.

        Args:
            folder: Where they are.
            place: The kind, if it is not the name of the folder around.
        """
        kind = place or folder.parent.name
        client().log_artifacts(self._id, str(folder), None if place else kind)
        client().set_tag(self._id, f"{kind}.digest", provenance.digest(folder))

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
        now = self._began or _now()
        began = now - int(1000 * epochs[-1]["seconds"])
        known = {PARENT: self._id, "variant": self.name, "current": "true", "kind": "part"}
        child = client().create_run(
            self._experiment,
            began,
            known | provenance.commit() | dict(tags or {}),
            f"{self.name}/{name}",
        )
        values = [entities.Param(key, provenance.as_text(v)) for key, v in parameters.items()]
        points = [*_curve(epochs, began, elapsed=True), *_points(metrics or {}, now)]
        _log(child.info.run_id, points, values)
        client().set_terminated(child.info.run_id, "FINISHED", now)

    @guarded
    def log_child_metrics(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Record figures of this run's parts by their name; parts that it lacks are left out."""
        for name, child in queries.children(self._id).items():
            _log(child.info.run_id, _points(metrics.get(name, {}), _now()))

    @guarded
    def retire(self, run: str) -> None:
        """Mark another run as superseded."""
        client().set_tag(run, "current", "false")

    @guarded
    def _open(self) -> None:
        """Begin, or go on; tags of an older run stay, ours begin with who goes on."""
        if self._model:
            digest = provenance.digest(self._model)
            made = queries.made_by(self.experiment, self.name, self.stage, digest)
            self.id = made[0].info.run_id if made else None
        tags, there = provenance.tags(self._inputs), set[str]()
        if self.id:
            there = set(client().get_run(self.id).data.params)
            ours = {k: v for k, v in tags.items() if not k.startswith("mlflow.")}
            tags = {f"{self._by}.{k}": v for k, v in ours.items()} | provenance.process()
            client().update_run(self.id, status="RUNNING")
        else:
            own = {"stage": self.stage, "recorded_by": self._by, "variant": self.name}
            own |= provenance.process() | tags
            begun = client().create_run(self._experiment, self._began, own, self.name)
            self.id, tags = begun.info.run_id, {}
            if self._model:
                self.log_model(self._model)
        self._describe(tags, {k: v for k, v in self._values.items() if k not in there})
        self._retire_others()

    def _describe(self, tags: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Record tags, parameters and the dataset."""
        if any(len(value) > MAX_PARAM_VAL_LENGTH for value in values.values()):
            client().log_dict(self._id, self._values, "parameters.json")
        kind = {k: v for k, v in self._values.items() if k == "kind"}
        client().log_batch(
            self._id,
            params=[entities.Param(k, v[:MAX_PARAM_VAL_LENGTH]) for k, v in values.items()],
            tags=queries.run_tags({**tags, **kind, "current": "true"}),
        )
        if self._dataset:
            found = [_dataset(self.experiment, self._dataset)]
            try:
                client().log_inputs(self._id, found)
            except MlflowException:  # another one was entering the same new dataset
                client().log_inputs(self._id, found)

    def _retire_others(self) -> None:
        """Only this run and its parts are current; a layer may have a variant's name."""
        known_by = {"current": "true", "stage": self.stage}
        for other in queries.named(self.experiment, self.name, known_by):
            if other.info.run_id != self.id:
                for run in (other, *queries.children(other.info.run_id).values()):
                    self.retire(run.info.run_id)

    @guarded
    def _close(self, status: str) -> None:
        client().set_terminated(self._id, status)

    @property
    def _id(self) -> str:
        assert self.id is not None
        return self.id

    @cached_property
    def _experiment(self) -> str:
        return queries.experiment_id(self.experiment)


def resume(
    *,
    experiment: str,
    name: str,
    model: Path,
    parameters: Mapping[str, Any],
    stage: str = "evaluate",
    inputs: Sequence[Path] = (),
    dataset: Path | None = None,
) -> Run:
    """The newest run that made this very model, whatever machine it was on, to be gone on with.

    It is found by the tag ``model.digest``, not by an id in the model's folder: so a stage's
    outputs stay the same bit for bit from run to run. Where the store knows none (it was away, or
    DVC brought the model), a new run begins with the model's files.
    """
    made_in = STAGES[model.parent.name]
    return Run(experiment, name, made_in, parameters, inputs, dataset, by=stage, model=model)


def _now() -> int:
    return int(time.time() * 1000)


def _dataset(name: str, path: Path) -> entities.DatasetInput:
    """The dataset by name and DVC's hash; its arrays stay where they are."""
    digest = provenance.dvc_hashes([path]).get(path, "untracked")
    source = json.dumps({"uri": path.as_posix()})
    known = entities.Dataset(name, digest, source_type="local", source=source)
    return entities.DatasetInput(known, [entities.InputTag("mlflow.data.context", "training")])


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


def _points(values: Mapping[str, float], time: int, step: int = 0) -> list[entities.Metric]:
    return [entities.Metric(key, value, time, step) for key, value in values.items()]


def _curve(
    epochs: Sequence[Mapping[str, float]], began: int, *, elapsed: bool = False
) -> list[entities.Metric]:
    """The metrics (names with a slash) of each epoch, at ``began`` or their seconds after it."""
    return [
        point
        for step, row in enumerate(epochs)
        for point in _points(row, began + int(1000 * row["seconds"] if elapsed else 0), step)
        if "/" in point.key
    ]


def _log(
    run: str, points: Sequence[entities.Metric], parameters: Sequence[entities.Param] = ()
) -> None:
    """Record metrics in as few requests as a store takes, parameters in the first."""
    for begin in range(0, max(1, len(points)), MAX_METRICS_PER_BATCH):
        part = points[begin : begin + MAX_METRICS_PER_BATCH]
        client().log_batch(run, metrics=part, params=[] if begin else parameters)
