"""Results made by hand: figures by dotted path, as metrics.json nests them."""

from collections.abc import Mapping
from typing import Any

from pipelines.report.claims.verdicts import judged
from pipelines.report.results import Results

Figures = Mapping[str, Mapping[str, float]]

CHAMPIONS = [
    {
        "task": "mnist-plane",
        "title": "See digits in the plane",
        "variant": "deep-2-l2",
        "rule": "the greatest",
        "test": "0.84",
    }
]


def nested(figures: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in figures.items():
        *parents, last = path.split(".")
        place = tree
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return tree


def made(evaluation: Figures, comparison: Figures | None = None, **others: Any) -> Results:
    return Results(
        evaluation={name: nested(figures) for name, figures in evaluation.items()},
        comparison={name: nested(figures) for name, figures in (comparison or {}).items()},
        **others,
    )


def claim(number: str, results: Results) -> dict[str, Any]:
    return next(each for each in judged(results) if each["number"] == number)
