"""Index of the models in ``artifacts/``, each with its curves, metrics, figures and repeats."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ae_lightning import artifacts
from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.config.params import load
from ae_lightning.errors import UserError
from ae_lightning.evaluation.results import read_measured, read_metrics
from ae_lightning.files import read_json
from ae_lightning.training.curve import LearningCurve
from pipelines.tracking import provenance
from pipelines.tracking.queries import STAGES

RESULTS = {"classifiers": artifacts.GRADES}
"""Folder of models -> that of their metrics, if another than evaluation/."""

ORDER = ("layers", "classifiers", "models")
"""In which they are recorded: the UI shows the last first."""

Epochs = list[dict[str, float]]
Tables = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Resolved parameters by folder (``layers``, ``models``, ``classifiers``) and name."""


class ChildRun(NamedTuple):
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
    def known_by(self) -> tuple[str, str, str]:
        """Its name, stage and digest, as :func:`queries.made` has them of a run."""
        return self.name, self.stage, self.digest

    @cached_property
    def digest(self) -> str:
        """Digest of its model's folder."""
        return provenance.digest(self.model)

    @cached_property
    def described(self) -> dict[str, Any]:
        """Its model.json."""
        remedy = f"run: dvc repro {self.stage}@{self.name}"
        return read_json(self.model / "model.json", remedy)

    @property
    def dataset(self) -> str:
        """The dataset it was trained on."""
        return artifacts.checked_name(self.described["data"], f"{self.model}/model.json: data")

    @cached_property
    def epochs(self) -> Epochs:
        """The metrics of each epoch; those of a classifier are its parts'."""
        return [] if self.kind == "classifiers" else read_epochs(self.curve)

    @cached_property
    def results(self) -> dict[str, float]:
        """The numbers of its metrics.json and of its repeats'; empty for layers."""
        measured = self._metrics
        if measured and self.kind == "models":
            repeats = read_measured(artifacts.COMPARISON / "metrics.json", "compare")
            measured = measured | {"repeats": repeats.get(self.name, {})}
        return provenance.numbers(measured)

    @cached_property
    def parts(self) -> dict[str, ChildRun]:
        """A classifier's runs and a variant's repeats, by name."""
        found = {"classifiers": self._runs, "models": self._repeats}.get(self.kind)
        return dict(found()) if found else {}

    @property
    def _metrics(self) -> dict[str, Any]:
        return read_metrics(self.evaluation) if self.usable else {}

    def _runs(self) -> Iterator[tuple[str, ChildRun]]:
        """One for each start, number of labels and seed."""
        from ae_lightning.training import run_record  # torch takes seconds to import

        errors = self._metrics.get("runs", {})
        if not self.curve.exists():
            return
        for run, epochs in run_record.read_epochs(self.curve).items():
            figures = {"error": errors[str(run)]} if str(run) in errors else {}
            yield str(run), ChildRun(run._asdict(), epochs, figures)

    def _repeats(self) -> Iterator[tuple[str, ChildRun]]:
        """Trainings from other seeds, pretraining included."""
        for folder in sorted(artifacts.REPEATS.glob(f"{self.name}-*")):
            seed = folder.name.removeprefix(f"{self.name}-")
            epochs = read_epochs(folder / "curve.csv")
            if seed.isdecimal() and epochs and (folder / "model").is_dir():
                digest = provenance.digest(folder)
                yield f"seed-{seed}", ChildRun({"seed": seed}, epochs, {}, digest)


def everything(tables: Tables, names: Collection[str] | None = None) -> list[ModelEntry]:
    """All models, or those named, in the order in which they are recorded.

    It is that of the UI from the end: the first variant of params.yaml is the last, and what
    params.yaml does not name comes before.

    Raises:
        UserError: If a name has no model in ``artifacts/``.
    """
    found = []
    for kind in ORDER:
        there = {
            artifacts.checked_name(path.parent.name, f"artifacts/{kind}")
            for path in (ARTIFACTS / kind).glob("*/model.json")
            if not path.parent.name.startswith(".")  # left by a process that was killed
        }
        known = [name for name in reversed([*tables.get(kind, ())]) if name in there]
        found += [ModelEntry(kind, name) for name in [*sorted(there - {*known}), *known]]
    if unknown := set(names or ()) - {one.name for one in found}:
        others = ", ".join(one.name for one in found) or "none"
        raise UserError(
            f"artifacts/: no model named {', '.join(sorted(unknown))}; there are {others}: "
            "`dvc repro` or `dvc pull` brings others"
        )
    return [one for one in found if names is None or one.name in names]


def configured() -> Tables:
    """Resolved parameters of all layers, variants and classifiers in ``params.yaml``."""
    from ae_lightning.config.classifiers import classifiers, merged

    params = load(Path("params.yaml"))
    resolved = params.model_dump(mode="json")
    taught = {name: one.model_dump(mode="json") for name, one in classifiers(params).items()}
    return {
        "layers": resolved["layers"],
        "models": resolved["variants"],
        "classifiers": {name: merged(one) for name, one in taught.items()},
    }


def read_epochs(path: Path) -> Epochs:
    """A curve's rows, an epoch each; none without a curve."""
    rows = LearningCurve.read(path).rows if path.exists() else ()
    return [{name: float(value) for name, value in row.items()} for row in rows]
