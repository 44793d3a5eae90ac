"""Records what the tracking store lacks of ``artifacts/``: runs trained while it was away."""

import csv
import json
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ae_lightning.errors import UserError
from pipelines import identity, tracking
from pipelines.tracking import STAGES

if TYPE_CHECKING:
    from pipelines.registry import Registered

Parameters = Callable[[str, str], Mapping[str, Any]]
Registry = Mapping[str, "Registered"]
ARTIFACTS = Path("artifacts")
RESULTS = {"classifiers": "grades"}  # folder of models -> that of their metrics, if another
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """A model in ``artifacts/``, with what belongs to it.

    Attributes:
        kind: ``layers``, ``models`` or ``classifiers``.
        name: The layer's, variant's or classifier's name.
    """

    kind: str
    name: str

    @property
    def model(self) -> Path:
        """The folder of its weights."""
        return ARTIFACTS / self.kind / self.name

    @property
    def curve(self) -> Path:
        """Its losses by epoch; absent for closed forms."""
        return ARTIFACTS / "curves" / STAGES[self.kind] / f"{self.name}.csv"

    @property
    def evaluation(self) -> Path:
        """Its metrics, figures and codes; absent for layers."""
        return ARTIFACTS / RESULTS.get(self.kind, "evaluation") / self.name

    @property
    def epochs(self) -> list[dict[str, float]]:
        """The metrics of each epoch; those of a classifier are its parts'."""
        return [] if self.kind == "classifiers" else _epochs(self.curve)

    @property
    def parts(self) -> Mapping[Any, list[dict[str, float]]]:
        """A classifier's runs with their epochs."""
        if self.kind != "classifiers":
            return {}
        from ae_lightning.training.taught import read_epochs  # torch takes seconds to import

        return read_epochs(self.curve)

    @property
    def dataset(self) -> str:
        """The dataset it was trained on, from its model.json."""
        return str(json.loads((self.model / "model.json").read_text())["data"])


def publish(
    names: Collection[str] | None = None, parameters: Parameters | None = None
) -> list[str]:
    """Record what the store lacks, and write nothing where it lacks nothing.

    Variants are registered, too, and the best of each task becomes champion.

    Args:
        names: Layers and variants to look at; all by default.
        parameters: ``(kind, name)`` to resolved parameters; params.yaml by default.

    Returns:
        The names of which something was recorded.

    Raises:
        UserError: If a name has no model in ``artifacts/``, or the store does not answer.
    """
    made = list(_made())
    unknown = set(names or ()) - {one.name for one in made}
    if unknown:
        known = ", ".join(one.name for one in made) or "none"
        raise UserError(
            f"artifacts/: no model named {', '.join(sorted(unknown))}; there are {known}: "
            "`dvc repro` or `dvc pull` brings others"
        )
    tracking.close_orphans()
    chosen = [one for one in made if names is None or one.name in names]
    resolved = parameters or _configured()
    published = [one.name for one in chosen if _record(one, resolved)]
    variants = [one for one in chosen if one.kind == "models"]
    new = _register(variants) if variants else []
    return published + [name for name in new if name not in published]


def _register(variants: Collection[Made]) -> list[str]:
    """Register variants as they are now and say who became champion; names of the new ones.

    Their runs stay as they are, so this is no recorder: what goes wrong here is no run's failure.
    """
    from pipelines import registry  # torch and pandas take seconds to import

    known = registry.registered()
    new = [one.name for one in variants if _enter(one, known)]
    for task, name in registry.crown().items():
        print(f"champion of {task}: models:/{name}@{registry.CHAMPION}")
    return new


def _enter(one: Made, known: Registry) -> bool:
    """Register a variant unless the registry knows it as it is now."""
    from pipelines import bundle, registry

    data = ARTIFACTS / "prepared" / one.dataset
    if not (data / "meta.json").exists():
        _log.warning(
            "%s: not here, so %s is recorded but not registered; run: dvc repro prepare@%s",
            data,
            one.name,
            one.dataset,
        )
        return False
    tags = bundle.tags(one.name, ARTIFACTS)
    if one.name in known and known[one.name].facts == tags:
        return False
    run = tracking.recorded(one.dataset, one.name, one.model)
    assert run is not None  # it was recorded just now
    registry.register(one.name, run.id, ARTIFACTS, tags)
    return True


def _made() -> Iterator[Made]:
    for kind in STAGES:
        for path in sorted((ARTIFACTS / kind).glob("*/model.json")):
            yield Made(kind, path.parent.name)


def _record(one: Made, parameters: Parameters) -> bool:
    """Record what the store lacks of one model; whether it lacked anything."""
    lacks = _lacks(one, tracking.recorded(one.dataset, one.name, one.model))
    if not lacks:
        return False
    stage = f"{STAGES[one.kind]}@{one.name}"
    with tracking.resume(
        experiment=one.dataset,
        name=one.name,
        stage="publish",
        model=one.model,
        parameters=parameters(one.kind, one.name),
        inputs=identity.stage_inputs(stage),
        dataset=ARTIFACTS / "prepared" / one.dataset,
    ) as run:
        for part in lacks:
            RECORDERS[part](run, one)
    if run.guard.lost:
        raise UserError(f"{one.model}: not recorded; start the tracking store and repeat")
    return True


def _lacks(one: Made, known: tracking.Recorded | None) -> list[str]:
    """The parts of a model, keys of ``RECORDERS``, that the store is without."""
    tags, metrics = (known.tags, known.metrics) if known else ({}, {})
    epochs, graded = one.epochs, _results(one).get("runs", {})
    parts = known.parts if known else {}
    results = identity.numbers(_results(one))
    lacks = {
        "model": "model.digest" not in tags,
        "curve": bool(epochs) and not set(epochs[0]) <= set(metrics),
        "parts": not set(map(str, one.parts)) <= set(parts),
        "graded": any(_differ(parts.get(k, {}).get("error"), v) for k, v in graded.items()),
        "results": any(_differ(metrics.get(key), value) for key, value in results.items()),
        "files": one.evaluation.is_dir()
        and bool(results)
        and tags.get(f"{one.evaluation.parent.name}.digest") != identity.digest(one.evaluation),
    }
    return [part for part, lacking in lacks.items() if lacking]


def _differ(known: float | None, value: float) -> bool:
    """Whether a metric is to be written; stores keep NaN and infinity in ways of their own."""
    return known is None or (math.isfinite(value) and known != value)


def _record_curve(run: tracking.Run, one: Made) -> None:
    for epoch, row in enumerate(one.epochs):
        run.log_metrics(row, step=epoch)


def _record_parts(run: tracking.Run, one: Made) -> None:
    known = tracking.recorded(one.dataset, one.name, one.model)
    for part, epochs in one.parts.items():
        if known is None or str(part) not in known.parts:
            run.log_child(str(part), part._asdict(), epochs)


def _record_graded(run: tracking.Run, one: Made) -> None:
    errors = _results(one).get("runs", {})
    run.log_child_metrics({part: {"error": error} for part, error in errors.items()})


# The model itself is recorded by `resume` as it begins a run.
RECORDERS: dict[str, Callable[[tracking.Run, Made], None]] = {
    "model": lambda run, one: None,
    "curve": _record_curve,
    "parts": _record_parts,
    "graded": _record_graded,
    "results": lambda run, one: run.log_metrics(_results(one)),
    "files": lambda run, one: run.log_files(one.evaluation),
}


def _epochs(path: Path) -> list[dict[str, float]]:
    """The metrics (names with a slash) of each epoch of a curve."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [
            {key: float(value) for key, value in row.items() if "/" in key and value}
            for row in csv.DictReader(file)
        ]


def _results(one: Made) -> dict[str, Any]:
    path = one.evaluation / "metrics.json"
    return json.loads(path.read_text()) if one.kind != "layers" and path.exists() else {}


def _configured() -> Parameters:
    from ae_lightning.classifiers import classifiers, merged
    from ae_lightning.config import load

    params = load(Path("params.yaml"))
    resolved = params.model_dump(mode="json")
    tables = {"layers": resolved["layers"], "models": resolved["variants"]}
    tables["classifiers"] = {
        name: merged(one.model_dump(mode="json")) for name, one in classifiers(params).items()
    }
    return lambda kind, name: tables[kind].get(name, {})
