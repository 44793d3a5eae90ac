"""Comparison of variants that start differently, over seeds: errors by epochs and seconds."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.config.environment import Environment
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.distributed.launch import alone
from ae_lightning.evaluation.evaluator import Evaluator
from ae_lightning.evaluation.figures.plots import race
from ae_lightning.files import replaced, rounded, write_json
from ae_lightning.nn import checkpoint
from ae_lightning.training.curve import LearningCurve

Curve = Mapping[str, NDArray[np.float64]]
Metrics = dict[str, Any]


def compare(
    data: Mapping[str, PreparedDataset],
    seeds: Sequence[int],
    environment: Environment,
    repeats: Path,
    folder: Path,
) -> None:
    """Write ``metrics.json`` and ``race.png`` for the repeats ``NAME-SEED`` in ``repeats``.

    Called in all processes, of which the first alone returns.

    ``data`` maps each variant to the dataset it was trained on. For each variant: test SSE (mean
    and standard deviation over seeds) and its :func:`progress`.
    """
    curves = {
        name: [
            LearningCurve.read(repeats / f"{name}-{seed}" / "curve.csv").columns for seed in seeds
        ]
        for name in data
    }
    shortest = min(float(curve["seconds"][-1]) for many in curves.values() for curve in many)
    errors = {}
    for name in curves:
        models = [checkpoint.load(repeats / f"{name}-{seed}" / "model") for seed in seeds]
        test = data[name].inputs("test")
        errors[name] = [Evaluator(m, environment).reconstruction(test)["sse"] for m in models]
    alone(environment)
    metrics = {
        name: {"reconstruction": {"sse": spread(errors[name])}, **progress(many, shortest)}
        for name, many in curves.items()
    }
    with replaced(folder) as partial:
        write_json(rounded(metrics), partial / "metrics.json")
        figure = race(curves, {name: begin for name in data if (begin := _begin(metrics[name]))})
        figure.axes[0].locator_params("x", integer=True)  # so few epochs
        figure.savefig(partial / "race.png", metadata={"Software": None})


def _begin(metrics: Metrics) -> float:
    """Seconds after which fine-tuning began; 0 where less than one was spent before."""
    seconds: float = metrics["pretraining"]["seconds"]["mean"]
    return seconds if seconds > 1 else 0.0


def progress(curves: Sequence[Curve], seconds: float) -> Metrics:
    """Validation errors of one variant's repeats by epochs and seconds.

    ``within`` is their error after ``seconds``, without ``sse`` where fine-tuning had not yet
    begun. The learning rate of a training cut there had not yet fallen, which flatters a training
    that was nearly done.
    """
    within = [curve["val/sse"][curve["seconds"] <= seconds] for curve in curves]
    begun = {"sse": spread([part[-1] for part in within])} if all(map(len, within)) else {}
    by_epoch = np.mean([curve["val/sse"] for curve in curves], axis=0)
    return {
        "validation": {"sse": spread([curve["val/sse"][-1] for curve in curves])},
        "seconds": spread([curve["seconds"][-1] for curve in curves]),
        "pretraining": {"seconds": spread([pretraining(curve) for curve in curves])},
        "within": {"seconds": seconds, **begun},
        "by_epoch": {f"sse@{epoch}": float(sse) for epoch, sse in enumerate(by_epoch, start=1)},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean and sample standard deviation over seeds; one seed has none."""
    spread = {"mean": float(np.mean(values))}
    return spread | ({"sd": float(np.std(values, ddof=1))} if len(values) > 1 else {})


def pretraining(curve: Curve) -> float:
    """Seconds before the first epoch of fine-tuning, which is as long as the others."""
    seconds = curve["seconds"]
    epoch = (seconds[-1] - seconds[0]) / max(1, len(seconds) - 1)
    return float(max(0.0, seconds[0] - epoch))
