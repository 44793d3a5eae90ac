"""``ae compare VARIANT...``: test figures of variants side by side, from the committed metrics."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ae_lightning.config.params import load, pick
from ae_lightning.errors import UserError
from ae_lightning.evaluation.results import number
from pipelines.cli.list import data_by_name, metrics_of
from pipelines.orchestration.summary import terminal

FIGURES: Mapping[str, int] = {
    "code.size": 0,
    "model.parameters": 0,
    "reconstruction.sse": -1,
    "reconstruction.mse": -1,
    "reconstruction.cross_entropy": -1,
    "reconstruction.token_accuracy": 1,
    "overfitting.gap": -1,
    "knn.accuracy@1": 1,
    "knn.accuracy@5": 1,
    "retrieval.precision@1": 1,
    "retrieval.precision@10": 1,
    "retrieval.precision@100": 1,
    "retrieval.map": 1,
    "retrieval.hamming.precision@100": 1,
    "queries.share@10": 1,
    "embedding.trustworthiness": 1,
    "embedding.knn@5": 1,
    "jacobian.relative": -1,
    "shift.relative": -1,
    "spread.within_box": 0,
    "positions.bits": 0,
    **{f"pretrained.error@{labels}.mean": -1 for labels in (100, 600, 1000, 3000, "all")},
    "training.seconds": -1,
}
"""Names in metrics.json, and which is better: the greater (1), the smaller (-1), neither (0)."""

DIGITS = 5


def compare(names: Sequence[str], *, as_json: bool) -> None:
    """Print a column for each variant, the best of each row in bold, or all figures as JSON.

    Raises:
        UserError: a variant is unknown or was not evaluated.
    """
    params = load()
    known = data_by_name(params)
    measured = {name: _measured(name, known) for name in dict.fromkeys(names)}
    if as_json:
        print(json.dumps(measured, indent=1))
        return
    console = terminal()
    console.print(_table(measured, known))
    if len({known[name] for name in measured}) > 1:
        console.print("On different data: these figures say little about which is the better.")


def best(values: Sequence[float | None], better: int) -> set[int]:
    """Places of the best values; none if neither is better, or all are alike."""
    there = [found for found in values if found is not None]
    if not better or len(set(there)) < 2:
        return set()
    top = max(better * found for found in there)
    return {k for k, found in enumerate(values) if found is not None and better * found == top}


def _measured(name: str, known: Mapping[str, str]) -> dict[str, Any]:
    pick(dict(known), name, "variant")
    if not (metrics := metrics_of(name)):
        raise UserError(f"{name}: was not evaluated yet; run: ae flow {name}")
    return metrics


def _table(measured: Mapping[str, Mapping[str, Any]], known: Mapping[str, str]) -> Table:
    together = len({known[name] for name in measured}) == 1
    table = Table("test figure")
    for name in measured:
        table.add_column(name, justify="right", overflow="fold")
    table.add_row("data", *(known[name] for name in measured))
    for figure, better in FIGURES.items():
        values = [number(metrics, figure) for metrics in measured.values()]
        if any(found is not None for found in values):
            bold = best(values, better) if together else set()
            cells = [
                Text(_cell(found), style="bold" if place in bold else "")
                for place, found in enumerate(values)
            ]
            table.add_row(figure, *cells)
    return table


def _cell(found: float | None) -> str:
    if found is None:
        return "-"
    return f"{found:,.0f}" if float(found).is_integer() else f"{found:.{DIGITS}g}"
