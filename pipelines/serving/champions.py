"""Champions: the best model of each task by validation figures. Knows no tracker.

The rule: of the variants on a task's data with a code of its size, the one whose figure is best; of
equals the first by name. A variant whose decoder is handed more than the code (positions of
unpooling) cannot win where reconstructions are compared, and classifiers compete among themselves.
The test part is not looked at.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ae_lightning.config.params import Params
from ae_lightning.evaluation.results import number, read_metrics
from ae_lightning.files import read_json
from ae_lightning.metrics import METRICS
from pipelines.tracking import provenance

Facts = Mapping[str, str]
"""Facts of a model as tags: ``data``, a variant's code, figures ``validation.*``."""


@dataclass(frozen=True)
class Task:
    """A task for which models are compared.

    Attributes:
        data: The dataset's name.
        figure: Its path under ``validation`` in metrics.json.
        needs: Facts that a model must have besides.
        title: What a person wants to do.
    """

    data: str
    figure: str
    needs: Facts = field(default_factory=dict)
    title: str = ""

    @property
    def tag(self) -> str:
        """The figure's name among the facts, as MLflow has it."""
        return f"validation.{provenance.legal(self.figure)}"


def _code(size: int) -> Facts:
    return {"code.size": str(size)}


ALONE = {"code.positions": "false"}
SSE, P_10, P_100 = "reconstruction.sse", "retrieval.precision@10", "retrieval.precision@100"
BITS, ERROR = "retrieval.hamming.precision@100", "pretrained.error@all.mean"
TASKS: Mapping[str, Task] = {
    "mnist-reconstruct-30": Task(
        "mnist", SSE, {**_code(30), **ALONE}, "Reconstruct digits from 30 numbers"
    ),
    "mnist-search-30": Task("mnist", P_10, _code(30), "Find digits by 30 numbers"),
    "mnist-plane": Task("mnist", "knn.accuracy@5", _code(2), "See digits in the plane"),
    "mnist-classify": Task("mnist", ERROR, title="Tell digits apart, all labels known"),
    "cifar10-reconstruct-256": Task(
        "cifar10", SSE, {**_code(256), **ALONE}, "Reconstruct photos from 256 numbers"
    ),
    "cifar10-search-256": Task("cifar10", P_10, _code(256), "Find photos by 256 numbers"),
    "reuters-search-128": Task("reuters", P_100, _code(128), "Find news by 128 numbers"),
    "reuters-search-10": Task("reuters", P_100, _code(10), "Find news by 10 numbers"),
    "reuters-plane": Task("reuters", P_100, _code(2), "See news in the plane"),
    "reuters-bits": Task("reuters", BITS, {"code.bits": "true"}, "Find news by bits"),
}
"""Tasks by name; one of your own is a row."""


def facts(model: Path, evaluation: Path) -> dict[str, str]:
    """Facts that decide on a model, from its folder and from that of its ``metrics.json``.

    A model that was not measured has no figures and wins nothing.
    """
    described = read_json(model / "model.json", f"run: ae flow {model.name}")
    data, metrics = str(described["data"]), read_metrics(evaluation)
    if "classes" in described:
        return _of_classifier(data, metrics)
    return _of_variant(data, _has_bits(described), metrics)


def _of_variant(data: str, bits: bool, metrics: Mapping[str, Any]) -> dict[str, str]:
    code = {"code.bits": _yes(bits)}
    if metrics:
        code["code.size"] = str(metrics["code"]["size"])
        code["code.positions"] = _yes("positions" in metrics)
    return {"data": data, **code, **_figures(data, metrics)}


def _of_classifier(data: str, metrics: Mapping[str, Any]) -> dict[str, str]:
    return {"data": data, **_figures(data, metrics)}


def _figures(data: str, metrics: Mapping[str, Any]) -> dict[str, str]:
    figures = provenance.numbers({"validation": metrics.get("validation", {})})
    wanted = {task.tag for task in TASKS.values() if task.data == data}
    return {tag: repr(figures[tag]) for tag in sorted(wanted & set(figures))}


def chosen(params: Params, evaluation: Path, grades: Path) -> list[dict[str, str]]:
    """The best of each task among all that has been measured, in words.

    Models need not be there: of them only their metrics are read, variants' below ``evaluation``,
    classifiers' below ``grades``. Each has its ``task`` and ``title``, the ``variant``, the
    ``rule`` that chose it with its figure, and the same figure of the ``test`` part.
    """
    measured = {name: read_metrics(evaluation / name) for name in params.variants}
    measured |= {name: read_metrics(grades / name) for name in params.classifiers}
    known = {
        name: _of_variant(variant.data, variant.code_activation == "binary", measured[name])
        for name, variant in params.variants.items()
    }
    known |= {
        name: _of_classifier(classifier["data"], measured[name])
        for name, classifier in params.classifiers.items()
    }
    return [
        {
            "task": task,
            "title": TASKS[task].title,
            "variant": name,
            "rule": _rule(TASKS[task], known[name]),
            "test": _on_test(TASKS[task], measured[name]),
        }
        for task, name in winners(known).items()
    ]


def _rule(task: Task, facts: Facts) -> str:
    which = "least" if METRICS[task.figure].better == "low" else "greatest"
    return f"{which} {task.figure} on validation: {float(facts[task.tag]):.4g}"


def _on_test(task: Task, metrics: Mapping[str, Any]) -> str:
    figure = number(metrics, task.figure)
    return "" if figure is None else f"{figure:.4g}"


def winners(variants: Mapping[str, Facts]) -> dict[str, str]:
    """The best variant of each task that any of ``variants``, by name, is fit for."""
    best = {task: _winner(TASKS[task], variants) for task in TASKS}
    return {task: name for task, name in best.items() if name is not None}


def _winner(task: Task, variants: Mapping[str, Facts]) -> str | None:
    figures = {
        name: float(facts[task.tag])
        for name, facts in sorted(variants.items())
        if _fits(task, facts) and math.isfinite(float(facts[task.tag]))
    }
    if not figures:
        return None
    best = METRICS[task.figure].best(figures.values())
    return next(name for name, figure in figures.items() if figure == best)


def _fits(task: Task, facts: Facts) -> bool:
    needed = {"data": task.data, **task.needs}
    return task.tag in facts and needed.items() <= facts.items()


def _has_bits(described: Mapping[str, Any]) -> bool:
    return any(layer.get("activation") == "binary" for layer in described.get("layers", [])[-1:])


def _yes(value: bool) -> str:
    return str(value).lower()
