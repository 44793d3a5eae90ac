"""Saved views of an experiment: columns, order and charts that MLflow's UI offers under *Views*.

The UI keeps a view as a tag of the experiment, ``mlflow.sharedViewState.ID``, whose value is JSON
with the view's name and, as JSON in JSON, the state of its page. Knows no tracker.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.tracking import provenance
from pipelines.tracking.store import UI_MODE

TAG = "mlflow.sharedViewState."
FIRST = "tags.current = 'true' and tags.stage = "
SIDE, EPOCHS, FIGURES = "Side by side", "By epoch", "Figures"
SECTIONS = {SIDE: 1, EPOCHS: 2, FIGURES: 3}
"""Groups of charts, and how many stand beside each other."""

BY_NAME = "tags.`mlflow.runName`"


@dataclass(frozen=True)
class View:
    """A table of runs and the charts beside it.

    Attributes:
        stage: That of the runs shown.
        metrics: Those in columns, as metrics.json names them.
        curves: Metrics by epoch that are drawn.
        order: The metric that orders the table; without one, it is the runs' names.
        least: Whether the table begins with the least.
    """

    stage: str
    metrics: Sequence[str]
    curves: Sequence[str] = ("val/loss", "train/loss")
    order: str = ""
    least: bool = True

    def tag(self, name: str) -> str:
        """The value of the experiment's tag."""
        state = json.dumps(self._state(), separators=(",", ":"))
        return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": state})

    def _state(self) -> dict[str, Any]:
        metrics = [provenance.legal(name) for name in self.metrics]
        parallel = {"selectedParams": [], "selectedMetrics": metrics, "showAllRuns": False}
        return {
            "searchFilter": f"{FIRST}'{self.stage}'",
            "orderByKey": f"metrics.`{provenance.legal(self.order)}`" if self.order else BY_NAME,
            "orderByAsc": self.least,
            "selectedColumns": ["tags.`kind`", *(f"metrics.`{name}`" for name in metrics)],
            "runsHiddenMode": "SHOW_ALL",
            "isAccordionReordered": True,  # the sections stay in our order
            "compareRunSections": [
                {"uuid": name, "name": name, "display": True, "isReordered": False, "columns": wide}
                for name, wide in SECTIONS.items()
            ],
            "compareRunCharts": [
                *(_chart("PARALLEL", "", SIDE, parallel) for _ in metrics[1:2]),
                *(
                    _chart("LINE", name, EPOCHS, {"selectedMetricKeys": [name]})
                    for name in self.curves
                ),
                *(_chart("BAR", name, FIGURES, {}) for name in metrics),
            ],
        }


def tags(views: Mapping[str, View]) -> dict[str, str]:
    """An experiment's tags with its views by their names."""
    return {f"{TAG}{key(name)}": view.tag(name) for name, view in views.items()}


def key(name: str) -> str:
    """Key of a view in the UI's addresses."""
    return name.lower().replace(" ", "-")


def link(experiment: str, name: str) -> str:
    """Where a view is in the UI."""
    return f"#/experiments/{experiment}/runs{UI_MODE}&viewStateShareKey={key(name)}"


def _chart(kind: str, metric: str, section: str, more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"{kind}-{metric}",
        "metricSectionId": section,
        "metricKey": metric,
        "runsCountToCompare": 50,
        "deleted": False,
        "isGenerated": bool(metric),
        **more,
    }
