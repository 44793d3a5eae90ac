"""Curves of the page: learning by epochs and seconds, precision by recall."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params
from ae_lightning.evaluation.figures.documents import NATS
from pipelines.report.variant_comparison import comparable, whole_curve

SQUARED = "squared error per image, validation"
DIGITS = 5


def learning(
    params: Params, measured: Mapping[str, Mapping[str, Any]], curves: Path
) -> dict[str, dict[str, Any]]:
    """Learning curves by group of comparable variants.

    Each group has ``error``, what its vertical axis shows, ``lines`` with the columns ``epoch``,
    ``seconds`` (the layers' pretraining included) and ``error`` of each variant, and ``absent``,
    the variants that were trained by steps but whose curve, or a layer's, is not there.
    """
    groups: dict[str, dict[str, Any]] = defaultdict(lambda: {"lines": {}, "absent": []})
    for name, metrics in measured.items():
        if "training" not in metrics:
            continue
        documents = isinstance(params.datasets[params.variants[name].data], Documents)
        column, error = ("val/loss", NATS) if documents else ("val/sse", SQUARED)
        group = groups[_words(comparable(name, params, metrics))]
        group["error"] = error
        if curve := whole_curve(name, params, curves):
            columns = {"epoch": "epoch", "seconds": "seconds", "error": column}
            group["lines"][name] = {key: _short(curve[source]) for key, source in columns.items()}
        else:
            group["absent"].append(name)
    return dict(groups)


def recall(measured: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Precision by recall of each variant that has it; those of one family differ by a number."""
    members: dict[str, int] = defaultdict(int)
    lines = []
    for name, metrics in measured.items():
        curve = metrics.get("retrieval", {}).get("precision_at_recall")
        if not curve:
            continue
        stem, _, last = name.rpartition("-")
        family = stem if last.isdigit() else name
        levels = sorted(curve, key=float)
        lines.append(
            {
                "variant": name,
                "family": family,
                "member": members[family],
                "recall": [float(level) for level in levels],
                "precision": [curve[level] for level in levels],
            }
        )
        members[family] += 1
    return lines


def _words(group: str) -> str:
    """``mnist_30`` as "mnist, 30 numbers"; other groups by their words."""
    data, _, what = group.partition("_")
    return f"{data}, {what} numbers" if what.isdigit() else group.replace("_", ", ")


def _short(values: Any) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
