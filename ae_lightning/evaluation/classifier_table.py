"""Comparison of all classifiers: a table, a figure per dataset, differences between starts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_lightning.config.classifiers import Classifier
from ae_lightning.evaluation.errors_by_labels import Metrics, curve_of, paired
from ae_lightning.evaluation.figures.label_budget import error_curves
from ae_lightning.evaluation.results import read_metrics
from ae_lightning.files import csv_table, replaced, rounded, write_json

COLUMNS = ("classifier", "start", "labels", "seeds", "error", "sd", "ahead", "se", "p")
STARTS = ("pretrained", "random", "frozen")


def tabulate(classifiers: Mapping[str, Classifier], grades: Path, folder: Path) -> None:
    """Write ``errors.csv``, ``metrics.json`` and ``figures/DATASET.png`` for those in ``grades``.

    A row of the table is a start of a classifier with a number of labels: mean error and standard
    deviation over seeds, and by how much it is ``ahead`` of the random start on the same data, seed
    by seed, with standard error and the p of a paired t-test. ``metrics.json`` has the same by
    classifier, start and number of labels.
    """
    measured: dict[str, Metrics] = {
        name: metrics for name in classifiers if (metrics := read_metrics(grades / name))
    }
    rows = [
        row
        for name, metrics in measured.items()
        for row in rows_of(name, metrics, _random(classifiers[name].data, classifiers, measured))
    ]
    nested: Metrics = {}
    for row in rows:
        figures = {key: value for key, value in row.items() if key in COLUMNS[3:]}
        start = nested.setdefault(row["classifier"], {}).setdefault(row["start"], {})
        start[f"labels@{row['labels']}"] = figures
    with replaced(folder) as partial:
        with csv_table(partial / "errors.csv", COLUMNS) as add:
            for row in map(rounded, rows):
                add(row.get(column, "") for column in COLUMNS)
        write_json(rounded(nested), partial / "metrics.json")
        (partial / "figures").mkdir()
        for dataset in dict.fromkeys(classifiers[name].data for name in measured):
            curves = {
                f"{name}, {start}": curve_of(metrics, start)
                for name, metrics in measured.items()
                if classifiers[name].data == dataset
                for start in STARTS
                if start in metrics
            }
            figure = error_curves(curves, dataset)
            figure.savefig(partial / "figures" / f"{dataset}.png", metadata={"Software": None})


def rows_of(name: str, metrics: Metrics, random: Mapping[str, float]) -> list[dict[str, Any]]:
    """The table's rows of one classifier; ``random`` are the errors of random starts by run."""
    rows = []
    errors = ((start, *item) for start in STARTS for item in metrics.get(start, {}).items())
    for start, key, error in errors:
        labels = key.removeprefix("error@")
        own = _by_seed(metrics["runs"], start, labels)
        row = {"classifier": name, "start": start, "labels": labels, "seeds": len(own)}
        row |= {"error": error["mean"], "sd": error.get("sd", "")}
        other = _by_seed(random, "random", labels)
        if start != "random" and set(own) & set(other):
            found = paired(other, own)
            row |= {"ahead": found["mean"], "se": found.get("se", ""), "p": found.get("p", "")}
        rows.append(row)
    return rows


def _random(
    data: str, classifiers: Mapping[str, Classifier], measured: Mapping[str, Metrics]
) -> dict[str, float]:
    """Errors by run of the first classifier on ``data`` that was also started at random."""
    for name, metrics in measured.items():
        if classifiers[name].data == data and "random" in metrics:
            return dict(metrics["runs"])
    return {}


def _by_seed(runs: Mapping[str, float], start: str, labels: str) -> dict[int, float]:
    """Errors by seed among those by run (``START-LABELS-SEED``)."""
    prefix = f"{start}-{labels}-"
    return {int(run.removeprefix(prefix)): e for run, e in runs.items() if run.startswith(prefix)}
