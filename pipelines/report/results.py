"""Measured results, read from an artifacts folder; missing files yield empty entries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ae_lightning.artifacts import COMPARISON, CURVES, EVALUATION, GRADES, LABELS, within
from ae_lightning.config.params import Params
from ae_lightning.evaluation.results import look_up, number, read_measured, read_metrics
from ae_lightning.training.curve import LearningCurve

METRICS_FILE = "metrics.json"

Metrics = Mapping[str, Any]
Curve = Mapping[str, Any]


class MissingResult(LookupError):  # noqa: N818  (nothing went wrong: a stage has not run yet)
    """A figure that no file has; ``stage`` is the DVC stage that makes it."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


@dataclass(frozen=True)
class Results:
    """Metrics by variant (in the order of ``params.yaml``) and classifier, and learning curves.

    ``seeds`` is how many trainings stand behind each mean of ``comparison``.
    """

    evaluation: Mapping[str, Metrics] = field(default_factory=dict)
    grades: Mapping[str, Metrics] = field(default_factory=dict)
    labels: Metrics = field(default_factory=dict)
    comparison: Metrics = field(default_factory=dict)
    finetuning: Mapping[str, Curve] = field(default_factory=dict)
    pretraining: Mapping[str, Curve] = field(default_factory=dict)
    seeds: int = 0

    @classmethod
    def read(cls, artifacts: Path, params: Params) -> Results:
        """Read what ``artifacts`` has of the variants, classifiers and layers in ``params``."""
        curves = within(artifacts, CURVES)
        return cls(
            _by_name(within(artifacts, EVALUATION), params.variants),
            _by_name(within(artifacts, GRADES), params.classifiers),
            read_measured(within(artifacts, LABELS) / METRICS_FILE, "tabulate"),
            read_measured(within(artifacts, COMPARISON) / METRICS_FILE, "compare"),
            _curves(curves / "finetune", params.variants),
            _curves(curves / "pretrain", params.layers),
            len(params.repeats.seeds),
        )

    def figure(self, variant: str, path: str) -> float:
        """A number of a variant's evaluation under a dotted path such as ``reconstruction.sse``.

        Raises:
            MissingResult: names ``evaluate@VARIANT``.
        """
        return _number(self.evaluation.get(variant, {}), path, f"evaluate@{variant}")

    def optional(self, variant: str, path: str) -> float | None:
        """The same, or None where it was not measured."""
        try:
            return self.figure(variant, path)
        except MissingResult:
            return None

    def repeated(self, variant: str, path: str) -> float:
        """The same of the repeats from several seeds, which ``compare`` sets side by side."""
        return _number(self.comparison.get(variant, {}), path, "compare")

    def section(self, variant: str, path: str) -> Metrics:
        """All that a variant's evaluation has under a dotted path."""
        found = look_up(self.evaluation.get(variant, {}), path)
        if not isinstance(found, Mapping):
            raise MissingResult(f"evaluate@{variant}")
        return found

    def taught(self, classifier: str, start: str) -> Mapping[str, Metrics]:
        """Figures by ``tabulate`` of a classifier's start, by number of labels in their order."""
        if not (start_of := look_up(self.labels, f"{classifier}.{start}")):
            raise MissingResult(f"grade@{classifier}" if self.labels else "tabulate")
        return {key.removeprefix("labels@"): value for key, value in start_of.items()}

    def lacking(self, stages: Iterable[str]) -> list[str]:
        """Those of ``stages`` (``evaluate@deep-30``, ``compare``) whose metrics are not there."""
        made: dict[str, Metrics] = {
            "evaluate": self.evaluation,
            "grade": self.grades,
            "compare": self.comparison,
            "tabulate": self.labels,
        }
        parts = {stage: stage.partition("@") for stage in stages}
        return [
            stage
            for stage, (kind, at, item) in parts.items()
            if not (item in made[kind] if at else made[kind])
        ]


def _number(metrics: Metrics, path: str, stage: str) -> float:
    found = number(metrics, path)
    if found is None:
        raise MissingResult(stage)
    return float(found)


def _by_name(folder: Path, names: Iterable[str]) -> dict[str, Metrics]:
    found = {name: read_metrics(folder / name) for name in names}
    return {name: metrics for name, metrics in found.items() if metrics}


def _curves(folder: Path, names: Iterable[str]) -> dict[str, Curve]:
    """Learning curves by name, for those that have one."""
    paths = {name: folder / f"{name}.csv" for name in names}
    there = {name: LearningCurve.read(path) for name, path in paths.items() if path.exists()}
    return {name: curve.columns for name, curve in there.items() if curve.rows}
