"""All variants side by side: one table of their test figures, one picture of how they learned."""

import csv
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ae_lightning.config import Params
from ae_lightning.evaluation.curves import read_curve
from ae_lightning.evaluation.figures import learning_curves
from ae_lightning.files import replaced

COLUMNS = {
    "code": "code.size",
    "parameters": "model.parameters",
    "sse": "reconstruction.sse",
    "mse": "reconstruction.mse",
    "knn.accuracy@1": "knn.accuracy@1",
    "knn.accuracy@5": "knn.accuracy@5",
    "precision@10": "retrieval.precision@10",
    "precision@100": "retrieval.precision@100",
    "map": "retrieval.map",
    "trustworthiness": "embedding.trustworthiness",
}


def look_up(metrics: Mapping[str, Any], path: str) -> Any:
    """The value under a dotted path of nested mappings, or an empty string."""
    for key in path.split("."):
        if not isinstance(metrics, Mapping) or key not in metrics:
            return ""
        metrics = metrics[key]
    return metrics


def report(params: Params, evaluation: Path, curves: Path, folder: Path) -> None:
    """Write ``variants.csv``, a row for each evaluated variant, and their learning curves.

    There is a figure per code size; its seconds count the pretraining of the layers below.
    """
    rows: list[dict[str, Any]] = []
    for name in params.variants:
        path = evaluation / name / "metrics.json"
        if path.exists():
            metrics = json.loads(path.read_text(encoding="utf-8"))
            rows.append({"variant": name} | {k: look_up(metrics, v) for k, v in COLUMNS.items()})
    by_size: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        if curve := whole_curve(row["variant"], params, curves):
            by_size[row["code"]][row["variant"]] = curve
    with replaced(folder) as partial:
        with (partial / "variants.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["variant", *COLUMNS], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        for size, together in by_size.items():
            figure = learning_curves(together)
            figure.savefig(partial / f"learning_curves_{size}.png", metadata={"Software": None})


def whole_curve(variant: str, params: Params, curves: Path) -> dict[str, Any]:
    """A variant's learning curve with its layers' pretraining added to ``seconds``."""
    curve = read_curve(curves / "finetune" / f"{variant}.csv")
    for layer in params.chain(params.variants[variant].input) if curve else []:
        pretraining = read_curve(curves / "pretrain" / f"{layer}.csv")
        curve["seconds"] = curve["seconds"] + pretraining["seconds"][-1]
    return curve
