"""``ae list``: every variant and classifier of params.yaml, and how far it has come."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ae_lightning.artifacts import CLASSIFIERS, EVALUATION, GRADES, MODELS
from ae_lightning.config.classifiers import Classifier, classifiers
from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params, load
from ae_lightning.config.variants import Variant
from ae_lightning.evaluation.results import number, read_metrics
from ae_lightning.metrics import METRICS, figures_of
from pipelines.orchestration.summary import SHOWN, terminal


@dataclass(frozen=True)
class ListEntry:
    """A variant; ``task`` is the kind of its examples, ``code`` its code size, None if unknown."""

    variant: str
    data: str
    task: str
    kind: str
    code: int | None
    trained: bool
    evaluated: bool
    figures: dict[str, float]

    @property
    def state(self) -> tuple[bool, bool]:
        """Whether it is trained, and whether it was measured."""
        return self.trained, self.evaluated


DIGITS = {metric.label: metric.digits for metric in METRICS.values()}

STATES = {
    (True, True): "ready",
    (True, False): "trained",
    (False, True): "measured",
    (False, False): "-",
}
"""State of a variant by whether its model and its figures are there."""


def show(*, as_json: bool) -> None:
    """Print a table for each dataset, or a JSON array."""
    rows = list_entries(load())
    if as_json:
        print(json.dumps([vars(row) for row in rows], indent=1))
        return
    console = terminal()
    groups: dict[str, list[ListEntry]] = defaultdict(list)
    for row in rows:
        groups[row.data].append(row)
    for data, some in groups.items():
        console.print(_table(data, some))
    console.print("ready: can be used; measured: its model is not here, run: ae flow VARIANT")


def list_entries(params: Params) -> list[ListEntry]:
    """All variants, then all classifiers, in their order in params.yaml."""
    items: dict[str, Variant | Classifier] = {**params.variants, **classifiers(params)}
    return [_entry(name, item, params) for name, item in items.items()]


def data_by_name(params: Params) -> dict[str, str]:
    """The dataset of each variant and classifier."""
    items = params.variants | classifiers(params)
    return {name: item.data for name, item in items.items()}


def metrics_of(name: str) -> dict[str, Any]:
    """The ``metrics.json`` of a variant or classifier; {} if it was not evaluated.

    Raises:
        UserError: it is no JSON.
    """
    return read_metrics(GRADES / name) or read_metrics(EVALUATION / name)


def _entry(name: str, item: Variant | Classifier, params: Params) -> ListEntry:
    metrics, taught = metrics_of(name), isinstance(item, Classifier)
    return ListEntry(
        variant=name,
        data=item.data,
        task=_task(item, params),
        kind=_kind(item),
        code=_code(item, params, metrics),
        trained=((CLASSIFIERS if taught else MODELS) / name / "model.json").is_file(),
        evaluated=bool(metrics),
        figures=_figures(metrics),
    )


def _kind(item: Variant | Classifier) -> str:
    return item.kind if isinstance(item, Variant) else "classifier"


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {METRICS[path].label: value for path, value in figures_of(metrics).items()}


def _task(item: Variant | Classifier, params: Params) -> str:
    if _kind(item) == "sequence":
        return "sequences"
    return "documents" if isinstance(params.datasets[item.data], Documents) else "images"


def _code(item: Variant | Classifier, params: Params, metrics: Mapping[str, Any]) -> int | None:
    """As measured; otherwise as configured, which for convolutions depends on the image's size."""
    measured = number(metrics, "code.size")
    if measured is not None:
        return int(measured)
    if isinstance(item, Variant) and item.sizes:
        return item.sizes[-1]
    layers = params.chain(item.input)
    top = params.layers[layers[-1]] if layers else None
    return top.units if top and top.kind != "conv" else None


def _table(data: str, rows: Sequence[ListEntry]) -> Table:
    used = [heading for heading in SHOWN if any(heading in row.figures for row in rows)]
    table = Table(title=f"{data}: {_tasks(rows)}", title_justify="left", box=SIMPLE_HEAD, padding=0)
    for heading in ("variant", "kind", "code", "state", *used):
        right = heading == "code" or heading in used
        table.add_column(heading, justify="right" if right else "left", no_wrap=not right)
    for row in rows:
        figures = (_cell(heading, row.figures.get(heading)) for heading in used)
        table.add_row(row.variant, row.kind, str(row.code or "?"), STATES[row.state], *figures)
    return table


def _tasks(rows: Sequence[ListEntry]) -> str:
    return ", ".join(dict.fromkeys(row.task for row in rows))


def _cell(heading: str, found: float | None) -> str:
    return "" if found is None else f"{found:.{DIGITS[heading]}f}"
