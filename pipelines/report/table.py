"""Table of all variants and classifiers: cost, measured figures, published figures."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ae_lightning.config.classifiers import Classifier, classifiers
from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params
from ae_lightning.describe import classifier_kind, kind_of
from ae_lightning.evaluation.results import look_up
from pipelines.report.columns import COLUMNS, Column, columns
from pipelines.report.published import PublishedResult, of_classifier, of_variant
from pipelines.report.results import Metrics, Results

__all__ = ["columns", "rows"]

OF_IMAGES = {"sse", "gap"}
"""Errors of values in [0, 1]: not of weighted words, nor of what is its own code."""


def rows(results: Results, params: Params) -> list[dict[str, Any]]:
    """A row for each variant and each start of a classifier, measured or not.

    ``values`` has every column's key, None where there is no figure; ``sd`` the standard deviations
    over seeds, ``published`` the figures of others with their source.
    """
    return [
        *(_variant(name, results, params) for name in params.variants),
        *(
            row
            for name, classifier in classifiers(params).items()
            for row in _starts(name, classifier, results, params)
        ),
    ]


def _variant(name: str, results: Results, params: Params) -> dict[str, Any]:
    variant = params.variants[name]
    documents = isinstance(params.datasets[variant.data], Documents)
    left_out = OF_IMAGES if documents or variant.kind == "vectors" else frozenset()
    metrics = results.evaluation.get(name, {})
    short = look_up(results.comparison, f"{name}.reconstruction.sse") or {}
    values = {c.key: _value(metrics, c) for c in COLUMNS if c.path and c.key not in left_out}
    values |= {
        "short": short.get("mean"),
        "pretraining": _pretraining(variant.input, results, params),
    }
    published = {
        c.key: [_turned(f, c) for f in of_variant(name, c.path)] for c in COLUMNS if c.path
    }
    return _row(
        name,
        variant.data,
        kind_of(name, params),
        values,
        {"short": short["sd"]} if "sd" in short else {},
        published,
    )


def _starts(
    name: str, classifier: Classifier, results: Results, params: Params
) -> Iterator[dict[str, Any]]:
    metrics = results.grades.get(name, {})
    every = look_up(metrics, "labels.all")
    runs = len(metrics.get("runs", ()))
    seconds = look_up(metrics, "training.seconds")
    shared = {
        "parameters": look_up(metrics, "model.parameters"),
        "seconds": seconds / runs if seconds is not None and runs else None,
        "memory": look_up(metrics, "training.memory_mb"),
    }
    labels = {number: every if number == "all" else number for number in classifier.labels}
    published = {
        f"error_{number}": list(of_classifier(classifier.data, count))
        for number, count in labels.items()
        if isinstance(count, int)
    }
    for start in classifier.starts:
        errors = metrics.get(start, {})
        found = {f"error_{number}": errors.get(f"error@{number}", {}) for number in labels}
        before = None if start == "random" else _pretraining(classifier.input, results, params)
        yield _row(
            name,
            classifier.data,
            classifier_kind(classifier, start, params),
            shared | {"pretraining": before} | {k: e.get("mean") for k, e in found.items()},
            {key: error["sd"] for key, error in found.items() if "sd" in error},
            published if start == classifier.starts[0] else {},
        )


def _row(
    name: str,
    data: str,
    task: str,
    values: Mapping[str, float | None],
    sd: Mapping[str, float],
    published: Mapping[str, Iterable[PublishedResult]],
) -> dict[str, Any]:
    keys = [column.key for column in COLUMNS]
    quoted = {key: [figure._asdict() for figure in published.get(key, ())] for key in keys}
    return {
        "variant": name,
        "data": data,
        "task": task,
        "values": {key: values.get(key) for key in keys},
        "sd": {key: sd[key] for key in keys if key in sd},
        "published": {key: figures for key, figures in quoted.items() if figures},
    }


def _value(metrics: Metrics, column: Column) -> float | None:
    found = look_up(metrics, column.path)
    if found is None:
        return None
    return round(1 - found, 6) if column.error else found


def _turned(figure: PublishedResult, column: Column) -> PublishedResult:
    """A published share as the error that the column shows."""
    return figure._replace(value=round(1 - figure.value, 6)) if column.error else figure


def _pretraining(source: str, results: Results, params: Params) -> float | None:
    """Seconds of the layers up to ``source``; None without layers, or if a curve is missing."""
    curves = [results.pretraining.get(layer, {}) for layer in params.chain(source)]
    if not curves or not all("seconds" in curve for curve in curves):
        return None
    return float(sum(curve["seconds"][-1] for curve in curves))
