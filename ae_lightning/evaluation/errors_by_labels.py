"""Errors of a classifier by number of labels: differences between starts, curves to draw."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from ae_lightning.config.classifiers import Run
from ae_lightning.evaluation.figures.label_budget import Curve

Metrics = dict[str, Any]
Errors = Mapping[Run, float]


def seeds(errors: Errors, start: Any, labels: Any) -> dict[int, float]:
    """Errors of one start and number of labels, by seed."""
    return {run.seed: error for run, error in errors.items() if run[:2] == (start, labels)}


def differences(errors: Errors) -> Metrics:
    """``{start: {"error@LABELS": paired}}``: by how much each start is ahead of the random one."""
    found: Metrics = {}
    for start, labels in dict.fromkeys((run.start, run.labels) for run in errors):
        random = seeds(errors, "random", labels)
        if start != "random" and random:
            both = paired(random, seeds(errors, start, labels))
            found.setdefault(start, {})[f"error@{labels}"] = both
    return found


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> dict[str, float]:
    """How much smaller the ``second`` errors are, for seeds that both have.

    ``mean`` and its standard error ``se`` (without one for a single seed), and ``p`` of a two-sided
    paired t-test (where it is defined: some differences vary).
    """
    common = [seed for seed in first if seed in second]
    difference = np.array([first[seed] - second[seed] for seed in common])
    found = {"mean": float(difference.mean()), "seeds": len(common)}
    if len(common) > 1:
        found["se"] = float(stats.sem(difference))
        if found["se"] > 0:
            found["p"] = float(stats.ttest_1samp(difference, 0).pvalue)
    return found


def curve_of(metrics: Metrics, start: str) -> Curve:
    """Number of labels to mean error and its standard deviation, for drawing."""
    return {
        metrics["labels"]["all"] if labels == "all" else int(labels): (
            error["mean"],
            error.get("sd", 0.0),
        )
        for labels, error in (
            (key.removeprefix("error@"), value) for key, value in metrics[start].items()
        )
    }
