"""Summary at the end of a flow: every variant's metrics, and each stage's seconds."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from ae_lightning.artifacts import EVALUATION, GRADES
from ae_lightning.evaluation.results import read_metrics
from ae_lightning.files import read_yaml
from ae_lightning.metrics import METRICS, figures_of

Row = dict[str, str]

SHOWN = ("SSE", "1-NN", "P@10", "MAP", "queries", "error@100", "error@all")
"""Key figures, so few that a line fits into a terminal; `ae compare` has the others."""

PIPED = 1000
"""Width of tables where there is no terminal."""

RUN = "MLflow run"
FILES = tuple(f"{folder}/*/metrics.json" for folder in (EVALUATION, GRADES))

_console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a stage in this flow, its seconds, and the reason of a failure."""

    stage: str
    how: str
    seconds: float = 0.0
    good: bool = True
    why: str = ""


def metrics_rows(
    root: Path,
    link: Callable[[str, str], str | None],
    names: Collection[str],
) -> list[Row]:
    """Read one row for each of some evaluated variants; what none of them has gets no column.

    Args:
        root: The project.
        link: Gives the address of an MLflow run from the variant's dataset and its name.
        names: The variants and classifiers to show; others may be of another flow.
    """
    datasets = _datasets(root)
    rows = []
    for path in chain.from_iterable(sorted(root.glob(pattern)) for pattern in FILES):
        variant = path.parent.name
        if variant in names:
            run = link(datasets[variant], variant) if variant in datasets else None
            rows.append({"variant": variant, **_cells(path.parent), RUN: run or ""})
    used = {heading for row in rows for heading, cell in row.items() if cell}
    return [{key: cell for key, cell in row.items() if key in used} for row in rows]


def measured(stages: Collection[str]) -> set[str]:
    """The variants and classifiers whose last stage is among ``stages``."""
    return {
        name
        for group, _, name in (stage.partition("@") for stage in stages)
        if group in ("evaluate", "grade")
    }


def _cells(folder: Path) -> Row:
    found = figures_of(read_metrics(folder))
    texts = {path: METRICS[path].text(value) for path, value in found.items()}
    return {metric.label: texts.get(path, "") for path, metric in METRICS.items()}


def _datasets(root: Path) -> dict[str, str]:
    """Return the dataset of each variant, which is the MLflow experiment of its run."""
    params = root / "params.yaml"
    tree = read_yaml(params, "correct it") if params.exists() else {}
    variants = tree.get("variants", {}) | tree.get("classifiers", {})
    return {name: entry["data"] for name, entry in variants.items() if "data" in entry}


def say(text: str | Text) -> None:
    """Print a line, which the terminal wraps."""
    _console.print(text)


def show_line(stage: str, line: str) -> None:
    """Print a line of a stage's output."""
    say(Text(f"{stage} | ", style="dim") + Text(line))


def show_end(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Print the metrics, each stage's seconds, and how to go on."""
    console = terminal()
    if rows:
        console.print(_metrics_table(rows, console))
    console.print(_outcomes_table(outcomes))
    for outcome in outcomes:
        if outcome.why:
            say(Text(f"{outcome.stage}: {outcome.why}", style="red"))
    if all(outcome.good for outcome in outcomes):
        say("Compare the runs:  make ui")
        say("See the figures:   artifacts/evaluation/")
    else:
        say("Mend the cause and run the same again: what has ended well is kept.")


def terminal() -> Console:
    """Standard output; tables are not cut where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED)


def _metrics_table(rows: Sequence[Row], console: Console) -> Table:
    """All figures if they fit into the console, else those of ``SHOWN``; never the links."""
    headings = [heading for heading in rows[0] if heading not in ("variant", RUN)]
    table = _table_of(rows, headings)
    options = console.options.update_width(PIPED)
    if console.measure(table, options=options).maximum <= console.width:
        return table
    shown = _table_of(rows, [heading for heading in headings if heading in SHOWN])
    shown.caption = "more: ae compare VARIANT VARIANT"
    return shown


def _table_of(rows: Sequence[Row], headings: Sequence[str]) -> Table:
    table = Table(
        Column("variant", no_wrap=True),
        *(Column(heading, justify="right", no_wrap=True) for heading in headings),
        title="Test metrics",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        collapse_padding=True,
        pad_edge=False,
    )
    for row in rows:
        table.add_row(row["variant"], *(row[heading] for heading in headings))
    return table


def _outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("stage", Column("seconds", justify="right"), "", title="Stages")
    table.title_justify = "left"
    for outcome in outcomes:
        style = None if outcome.good else "red"
        table.add_row(outcome.stage, f"{outcome.seconds:.1f}", Text(outcome.how), style=style)
    return table
