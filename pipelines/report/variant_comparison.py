"""Comparison of all variants: table of test figures, learning curves, denoising."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params
from ae_lightning.evaluation.figures.documents import NATS
from ae_lightning.evaluation.figures.plots import corruption_curves, learning_curves
from ae_lightning.evaluation.results import read_metrics
from ae_lightning.files import csv_table, replaced
from ae_lightning.metrics import METRICS, figures_of
from ae_lightning.training.curve import LearningCurve
from pipelines.report.document_figures import document_figures

COLOURS = 10
"""Colours before the first one comes again."""


def report(params: Params, evaluation: Path, curves: Path, prepared: Path, folder: Path) -> None:
    """Write ``variants.csv``, a row for each evaluated variant, and figures.

    Learning curves are drawn for those that reconstruct the same (:func:`comparable`); their
    seconds count the pretraining of the layers below, ``seconds`` in the table do not.
    ``corruption_NAME.png`` sets a variant that was trained on corrupted images beside its
    :func:`controls`. Documents have their precision by recall and their planes.
    """
    measured = {
        name: metrics for name in params.variants if (metrics := read_metrics(evaluation / name))
    }
    rows: list[dict[str, Any]] = [
        {"variant": name} | figures_of(metrics) for name, metrics in measured.items()
    ]
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, metrics in measured.items():
        if curve := whole_curve(name, params, curves):
            groups[comparable(name, params, metrics)][name] = curve
    with replaced(folder) as partial:
        with csv_table(partial / "variants.csv", columns := ["variant", *METRICS]) as add:
            for row in rows:
                add(row.get(column, "") for column in columns)
        drawn = [
            *_learning(groups, params),
            *_corruption(params, measured),
            *document_figures(params, measured, evaluation, prepared),
        ]
        for label, figure in drawn:
            figure.savefig(partial / f"{label}.png", metadata={"Software": None})


def comparable(name: str, params: Params, metrics: Mapping[str, Any]) -> str:
    """The group of variants whose errors a figure may compare.

    Images with the same code size; bags of words whose target is themselves alone, or also
    their neighbours' words; sequences.
    """
    variant = params.variants[name]
    if not isinstance(params.datasets[variant.data], Documents):
        return f"{variant.data}_{metrics['code']['size']}"
    if variant.kind == "sequence":
        return f"{variant.data}_sequences"
    return f"{variant.data}_neighbours" if variant.neighbours else variant.data


def _learning(
    groups: Mapping[str, Mapping[str, Any]], params: Params
) -> Iterator[tuple[str, Figure]]:
    for group, together in groups.items():
        data = params.datasets[params.variants[next(iter(together))].data]
        error = ("val/loss", NATS) if isinstance(data, Documents) else ()
        yield f"learning_curves_{group}", legible(learning_curves(together, *error))


def _corruption(
    params: Params, measured: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, Figure]]:
    for name in measured:
        if "corruption" in measured[name] and params.variants[name].corruption:
            beside = [name, *filter(measured.__contains__, controls(params, name))]
            curves = {one: measured[one]["corruption"] for one in beside}
            yield f"corruption_{name}", corruption_curves(curves)


def legible(figure: Figure) -> Figure:
    """Learning curves of many: their names beside the panels, colours that come again dashed."""
    first = figure.axes[0]
    for axes in figure.axes:
        for line in axes.get_lines()[COLOURS:]:
            line.set_linestyle("--")
    legend = first.get_legend()
    if legend is not None:
        legend.remove()
    figure.legend(handles=first.get_lines(), loc="outside right upper", frameon=False)
    return figure


def controls(params: Params, name: str) -> list[str]:
    """Variants that differ from ``name`` in its corruption alone, but for their layers' training.

    They have the same data, widths and settings of training, without penalty or corruption.
    """
    ours = params.variants[name]
    return [
        other
        for other, variant in params.variants.items()
        if (variant.data, variant.train) == (ours.data, ours.train)
        and not variant.penalties
        and not variant.corruption
        and widths(params, other) == widths(params, name)
    ]


def widths(params: Params, name: str) -> tuple[int, ...]:
    """Units of each layer of a variant."""
    variant = params.variants[name]
    return (*(params.layers[layer].units for layer in params.chain(variant.input)), *variant.sizes)


def whole_curve(name: str, params: Params, curves: Path) -> dict[str, Any]:
    """A variant's learning curve with its layers' pretraining added to ``seconds``.

    Empty where nothing was learned by steps, or where a curve, or a layer's, is not there.
    """
    below = params.chain(params.variants[name].input)
    layers = [curves / "pretrain" / f"{layer}.csv" for layer in below]
    whole = curves / "finetune" / f"{name}.csv"
    if not all(path.exists() for path in (whole, *layers)):
        return {}
    curve = LearningCurve.read(whole).columns
    for path in layers if curve else []:
        curve["seconds"] = curve["seconds"] + LearningCurve.read(path).columns["seconds"][-1]
    return curve
