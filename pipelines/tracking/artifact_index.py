"""Index of the models in ``artifacts/``, each with its curves, metrics, figures and repeats."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ae_lightning import artifacts
from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.config.params import load
from ae_lightning.errors import UserError
from ae_lightning.evaluation.results import read_measured, read_metrics
from pipelines.tracking import provenance
from pipelines.tracking.queries import STAGES

RESULTS = {"classifiers": artifacts.GRADES}
"""Folder of models -> that of their metrics, if another than evaluation/."""

ORDER = ("layers", "classifiers", "models")
"""In which they are recorded: the UI shows the last first."""

Epochs = list[dict[str, float]]
Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Resolved parameters by folder (``layers``, ``models``, ``classifiers``) and name."""


@dataclass(frozen=True)
class ModelEntry:
    """A model in ``artifacts/``.

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
    def usable(self) -> bool:
        """Whether it is registered as a model to be used, as all but layers are."""
        return self.kind != "layers"

    @property
    def stage(self) -> str:
        """The stage that makes it."""
        return STAGES[self.kind]

    @property
    def curve(self) -> Path:
        """Its losses by epoch; absent for closed forms."""
        return artifacts.CURVES / self.stage / f"{self.name}.csv"

    @property
    def evaluation(self) -> Path:
        """Its metrics, figures and codes; absent for layers."""
        return RESULTS.get(self.kind, artifacts.EVALUATION) / self.name

    @property
    def files(self) -> str:
        """The tag with the digest of ``evaluation``."""
        return f"{self.evaluation.parent.name}.digest"

    @property
    def known_by(self) -> tuple[str, str, str]:
        """Its name, stage and digest, as in :attr:`StoredRun.made`."""
        return self.name, self.stage, self.digest

    @cached_property
    def digest(self) -> str:
        """Digest of its model's folder."""
        return provenance.digest(self.model)

    @cached_property
    def described(self) -> dict[str, Any]:
        """Its model.json."""
        return dict(json.loads((self.model / "model.json").read_text(encoding="utf-8")))

    @property
    def dataset(self) -> str:
        """The dataset it was trained on."""
        return str(self.described["data"])

    @cached_property
    def epochs(self) -> Epochs:
        """The metrics of each epoch; those of a classifier are its parts'."""
        return [] if self.kind == "classifiers" else read_epochs(self.curve)

    @cached_property
    def results(self) -> dict[str, Any]:
        """Its metrics.json, and its repeats' metrics; empty for layers."""
        measured = {} if self.kind == "layers" else read_metrics(self.evaluation)
        if not measured or self.kind != "models":
            return measured
        repeated = read_measured(artifacts.COMPARISON / "metrics.json", "compare").get(self.name)
        return measured | ({"repeats": repeated} if repeated else {})

    @cached_property
    def parts(self) -> Mapping[str, "ChildRun"]:
        """A classifier's runs and a variant's repeats, by name."""
        return dict(PARTS[self.kind](self)) if self.kind in PARTS else {}


@dataclass(frozen=True)
class ChildRun:
    """One of several trainings of a model.

    Attributes:
        parameters: What tells it from the others.
        epochs: The metrics of each epoch, and ``seconds`` since the beginning.
        metrics: Its figures.
        digest: What it is known by, if its model's does not say so.
    """

    parameters: Mapping[str, Any]
    epochs: Epochs
    metrics: Mapping[str, float]
    digest: str | None = None


def everything(tables: Tables) -> list[ModelEntry]:
    """All models in the order in which they are recorded, which is that of the UI from the end.

    So the first variant of params.yaml is the last, and what it does not name comes before.
    """
    found = [
        ModelEntry(kind, path.parent.name)
        for kind in ORDER
        for path in sorted((ARTIFACTS / kind).glob("*/model.json"))
    ]
    ranks = {kind: {name: rank for rank, name in enumerate(tables.get(kind, ()))} for kind in ORDER}

    def order(one: ModelEntry) -> tuple[int, float]:
        return ORDER.index(one.kind), -ranks[one.kind].get(one.name, float("inf"))

    return sorted(found, key=order)


def configured() -> Tables:
    """Resolved parameters of all datasets, layers, variants and classifiers in ``params.yaml``."""
    from ae_lightning.config.classifiers import classifiers, merged

    params = load(Path("params.yaml"))
    resolved = params.model_dump(mode="json")
    return {
        "datasets": resolved["datasets"],
        "layers": resolved["layers"],
        "models": resolved["variants"],
        "classifiers": {
            name: merged(one.model_dump(mode="json")) for name, one in classifiers(params).items()
        },
    }


def read_epochs(path: Path) -> Epochs:
    """The metrics (names with a slash) of each epoch of a curve, and its ``seconds``."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {key: float(value) for key, value in row.items() if _recorded(key) and value}
            for row in csv.DictReader(file)
        ]


def _recorded(column: str) -> bool:
    return "/" in column or column == "seconds"


def _runs(one: ModelEntry) -> Iterator[tuple[str, ChildRun]]:
    """The parts of a classifier: one for each start, number of labels and seed."""
    from ae_lightning.training.run_record import read_epochs  # torch takes seconds to import

    if not one.curve.exists():
        return
    errors = one.results.get("runs", {})
    for run, epochs in read_epochs(one.curve).items():
        figures = {"error": errors[str(run)]} if str(run) in errors else {}
        yield str(run), ChildRun(run._asdict(), epochs, figures)


def _repeats(one: ModelEntry) -> Iterator[tuple[str, ChildRun]]:
    """The parts of a variant: its trainings from other seeds, pretraining included."""
    for folder in sorted(artifacts.REPEATS.glob(f"{one.name}-*")):
        seed = folder.name.removeprefix(f"{one.name}-")
        epochs = read_epochs(folder / "curve.csv")
        if seed.isdecimal() and epochs and (folder / "model").is_dir():
            yield f"seed-{seed}", ChildRun({"seed": seed}, epochs, {}, provenance.digest(folder))


PARTS = {"classifiers": _runs, "models": _repeats}


def chosen(made: list[ModelEntry], names: set[str] | None) -> list[ModelEntry]:
    """Those of the models that are named; all if none is.

    Raises:
        UserError: If a name has no model in ``artifacts/``.
    """
    if names is None:
        return made
    if unknown := names - {one.name for one in made}:
        known = ", ".join(one.name for one in made) or "none"
        raise UserError(
            f"artifacts/: no model named {', '.join(sorted(unknown))}; there are {known}: "
            "`dvc repro` or `dvc pull` brings others"
        )
    return [one for one in made if one.name in names]
