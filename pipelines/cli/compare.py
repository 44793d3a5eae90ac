"""``ae compare VARIANT...``: test figures of variants side by side, from the committed metrics."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from ae_lightning.config.params import load, pick
from ae_lightning.errors import UserError
from ae_lightning.metrics import METRICS, Metric, figures_of
from pipelines.cli.list import data_by_name, metrics_of
from pipelines.orchestration.summary import terminal

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


def best(values: Mapping[str, float], metric: Metric) -> set[str]:
    """Who has the best value of a metric; nobody if neither way is better, or all are alike."""
    if metric.better == "none" or len(set(values.values())) < 2:
        return set()
    top = metric.best(values.values())
    return {name for name, value in values.items() if value == top}


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
    figures = {name: figures_of(metrics) for name, metrics in measured.items()}
    for path, metric in METRICS.items():
        values = {name: found[path] for name, found in figures.items() if path in found}
        if values:
            bold = best(values, metric) if together else set()
            cells = (
                Text(_cell(values.get(name)), style="bold" if name in bold else "")
                for name in measured
            )
            table.add_row(path, *cells)
    return table


def _cell(found: float | None) -> str:
    if found is None:
        return "-"
    return f"{found:,.0f}" if float(found).is_integer() else f"{found:.{DIGITS}g}"
