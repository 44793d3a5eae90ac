"""The report page: one HTML file with its style, script, data and pictures inside."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader

from ae_lightning.artifacts import CURVES, EVALUATION, GRADES, PREPARED, within
from ae_lightning.config.params import Params
from ae_lightning.files import replaced_file
from pipelines.report import table
from pipelines.report.claims import verdicts
from pipelines.report.curves import learning, recall
from pipelines.report.embed import picture
from pipelines.report.examples import examples, planes, strokes
from pipelines.report.results import Results

ASSETS = Path(__file__).with_name("assets")
VERDICTS = ("holds", "depends", "does not hold", "not measured")
"""In the order in which they are counted."""


class GalleryFigure(NamedTuple):
    """A figure of the gallery: what it shows, its width in pixels at most, and its quality."""

    caption: str
    width: int = 800
    quality: int = 70


GALLERY = {
    "reconstructions": GalleryFigure(
        "Test images, what the code brings back, and PCA of the same size"
    ),
    "neighbours": GalleryFigure(
        "Test images and the training images nearest to them, by pixels and by code"
    ),
    "decoder_grid": GalleryFigure("The plane decoded"),
    "nearest": GalleryFigure("Decoded images and the training images nearest to them"),
    "precision_recall": GalleryFigure("Precision by recall beside the baselines"),
    "errors": GalleryFigure("Test error by number of labels"),
    "mistakes": GalleryFigure("Images that are classified wrongly"),
    "corruption": GalleryFigure("Corrupted test images and what comes back", 560, 60),
    "filters": GalleryFigure("What the first layer looks for", 480, 50),
}
"""Figures that a variant may have, by file name; many and noisy ones are kept small."""


def write_page(
    params: Params,
    artifacts: Path,
    champions: Sequence[Mapping[str, str]],
    plotly: str,
    path: Path,
) -> None:
    """Write the page of everything below ``artifacts`` that is there.

    Metrics, figures, curves and planes are in git, so that a fresh clone has most of it; images
    and titles under the pointer need prepared data. ``champions`` has for each ``task`` (in words:
    ``title``) the best ``variant``, the ``rule`` that chose it, and its figure of the ``test``
    part, which may be empty. ``plotly`` is the script that draws the plots.
    """
    results = Results.read(artifacts, params)
    judged = [_with_pictures(claim, artifacts) for claim in verdicts.judged(results)]
    columns = table.columns()
    content = {
        "datasets": list(params.datasets),
        "variants": len(results.evaluation),
        "classifiers": len(results.grades),
        "champions": champions,
        "claims": judged,
        "tally": _tally(judged),
        "columns": columns,
        "rows": _cells(table.rows(results, params), columns),
        "data": _json(_data(params, results, artifacts)),
        "style": _asset("page.css"),
        "script": _asset("page.js"),
        "plotly": plotly,
    }
    templates = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = templates.get_template("page.html").render(content)
    with replaced_file(path) as partial:
        partial.write_text(html, encoding="utf-8")


def _data(params: Params, results: Results, artifacts: Path) -> dict[str, Any]:
    """Data that the page's script draws."""
    shown = planes(params, within(artifacts, EVALUATION))
    return {
        "strokes": strokes(params),
        "planes": shown,
        "examples": examples(params, shown.values(), within(artifacts, PREPARED)),
        "curves": learning(params, results.evaluation, within(artifacts, CURVES)),
        "recall": recall(results.evaluation),
        "gallery": _gallery(results, artifacts),
    }


def _gallery(results: Results, artifacts: Path) -> dict[str, list[dict[str, Any]]]:
    """Each variant's own figures, in the order of :data:`GALLERY`; none that are not there."""
    folders = {name: within(artifacts, EVALUATION) / name for name in results.evaluation}
    folders |= {name: within(artifacts, GRADES) / name for name in results.grades}
    found = {
        name: [
            picture(path, *kept)
            for figure, kept in GALLERY.items()
            if (path := folder / "figures" / f"{figure}.png").exists()
        ]
        for name, folder in folders.items()
    }
    return {name: pictures for name, pictures in found.items() if pictures}


def _with_pictures(claim: dict[str, Any], artifacts: Path) -> dict[str, Any]:
    shown = [
        picture(path, one["caption"])
        for one in claim["pictures"]
        if (path := artifacts / one["file"]).exists()
    ]
    return claim | {"pictures": shown}


def _tally(judged: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter(claim["verdict"] for claim in judged)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def _cells(
    rows: Sequence[dict[str, Any]], columns: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows with a cell for each column: its number for sorting, and as it is written."""
    return [row | {"cells": [_cell(row, column) for column in columns]} for row in rows]


def _cell(row: Mapping[str, Any], column: Mapping[str, Any]) -> dict[str, Any]:
    key = column["key"]
    value, sd = row["values"].get(key), row["sd"].get(key)
    text = "" if value is None else _number(value, column)
    if text and sd is not None:
        text += f" ± {_number(sd, column, unit='')}"
    said = [
        {"text": _number(one["value"], column), "source": one["source"]}
        for one in row["published"].get(key, [])
    ]
    return {"value": "" if value is None else value, "text": text, "published": said}


def _number(value: float, column: Mapping[str, Any], unit: str = " %") -> str:
    if column["percent"]:
        return f"{100 * value:.{column['digits']}f}{unit}"
    return f"{value:,.{column['digits']}f}".replace("-", "−")


def _json(content: Any) -> str:
    """JSON that may stand inside a script element."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
