"""Descriptions of datasets, runs and registered models in MLflow's UI, and how they hang together.

All of it follows from ``artifacts/`` and from what the store has; what is there already is not
written again, and a description that a person has rewritten is left alone.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ae_lightning import artifacts
from ae_lightning.config.variants import SOLVED
from ae_lightning.files import read_json
from ae_lightning.metrics import METRICS
from pipelines.tracking import provenance, queries
from pipelines.tracking.artifact_index import ModelEntry, Tables
from pipelines.tracking.queries import NOTE, PARENT
from pipelines.tracking.recorder import Run
from pipelines.tracking.store import UI_MODE

# isort: split
# After `queries`, whose `store` sets what MLflow reads as it is imported.
import mlflow.entities as entities

KINDS = {
    "autoencoder": "Autoencoder",
    "pca": "Principal component analysis, in closed form",
    "lsa": "Latent semantic analysis, in closed form",
    "vectors": "No code: the examples themselves are compared",
    "sequence": "Sequence-to-sequence autoencoder",
    "dense": "Pretrained layer",
    "tied": "Pretrained layer with one matrix for both directions",
    "conv": "Pretrained convolutional layer",
    "rbm": "Pretrained Boltzmann machine",
    "classifier": "Classifier",
}
"""A run's kind, in words."""

SETTINGS = (
    *("input", "whiten", "weights", "corruption", "l1", "l2", "contractive"),
    *("neighbours", "views", "code_activation", "unlabelled"),
)
PLAIN: tuple[Any, ...] = (None, False, 0, "", {}, "linear")
"""Parameters that are told, and values that are not worth a word."""

COLUMNS = (
    *("reconstruction.sse", "knn.accuracy@1", "knn.accuracy@5", "retrieval.precision@10"),
    *("retrieval.precision@100", "retrieval.map", "retrieval.hamming.precision@100"),
    *("queries.share@10", "embedding.knn@5"),
    *(f"pretrained.error@{labels}.mean" for labels in (100, 1000, "all")),
    "val/loss",
)
"""Columns of the UI's views, where most runs have them; layers have but their validation loss."""

MEANINGS = {path: metric.meaning for path, metric in METRICS.items()} | {
    "val/loss": "What is minimised, on validation, after the last epoch."
}
"""Meaning of figures; the rest: README."""

VIEWS = {"Variants": "finetune", "Layers": "pretrain", "Classifiers": "supervise"}
"""Saved views, and the stage of the runs that each shows."""

BUILT = {
    "layers": ("layers", "pretrain"),
    "models": ("variants", "evaluate"),
    "classifiers": ("classifiers", "grade"),
}
"""Where params.yaml has a model, and its last stage."""

Runs = Mapping[ModelEntry, entities.Run]
REPORT, PAGE = "report", "index.html"
ABOUT = "All variants side by side on one page, index.html under Artifacts."
LEGEND = (
    "`current` = true marks the newest run of each name, `stage` = finetune the variants. "
    "Layers lie below the first variant that stands on them, repeats from other seeds and "
    "a classifier's trainings below theirs. `train/…` and `val/…` are per epoch; names "
    "with dots are measured on the test part, once, as in "
    "`artifacts/evaluation/VARIANT/metrics.json`; `validation.…` are those by which all "
    "choices are made, `baseline.…` those of raw examples and of PCA or LSA."
)
SPLITS = ("train", "validation", "test")


def describe(chosen: Collection[ModelEntry], tables: Tables) -> None:
    """Describe the models in ``chosen``, which are recorded, their datasets and the report.

    Raises:
        UserError: If the store does not answer.
    """
    report = _report()
    for dataset in sorted({one.dataset for one in chosen}):
        there = {queries.made(run): run for run in queries.current(dataset)}
        models = [one for one in chosen if one.dataset == dataset]
        runs = {one: there[one.known_by] for one in models if one.known_by in there}
        if runs:
            with queries.answering():
                _describe_runs(runs, tables, report)
                _describe_experiment(dataset, runs, report)
            _describe_models(runs, tables, report)


def _report() -> str:
    """The link of the report's page; a report that is new becomes a run. Empty without a page."""
    if not (artifacts.REPORT / PAGE).exists():
        return ""
    wanted = {f"{REPORT}.digest": provenance.digest(artifacts.REPORT), "current": "true"}
    with queries.answering():
        there = queries.named(REPORT, REPORT, wanted)
        if not (there and queries.has_files(there[0], "")):
            with Run(REPORT, REPORT, REPORT, {"kind": REPORT}, by="publish") as run:
                run.log_files(artifacts.REPORT, REPORT)
        known, *_ = queries.named(REPORT, REPORT, wanted)
        for other in queries.named(REPORT, REPORT, {"current": "true"}):
            queries.tag(other, {"current": str(other.info.run_id == known.info.run_id).lower()})
        link = _link("Open", page := queries.page(known, PAGE))
        queries.tag(known, {NOTE: ABOUT})
        queries.tag_experiment(known.info.experiment_id, {NOTE: f"{ABOUT} {link}"})
    return page


def _describe_runs(runs: Runs, tables: Tables, report: str) -> None:
    below = {one: [layer for layer in _below(one, tables) if layer in runs] for one in runs}
    for one, run in runs.items():
        users = [
            ModelEntry(kind, n) for kind in ("models", "classifiers") for n in tables.get(kind, ())
        ]
        above = [other for other in users if one in below.get(other, ())]
        links = [
            _links("Stands on the pretrained layers", below[one], runs),
            _links("On it stand", above, runs),
            _link("Registered model", f"#/models/{one.name}{UI_MODE}") if one.usable else "",
            _link("Report", report),
        ]
        place, stage = BUILT[one.kind]
        built = f"`params.yaml`: `{place}.{one.name}`. Built again by `ae flow {stage}@{one.name}`."
        note = [_sentence(one, tables), _dotted(links), built, _figures(one)]
        tags = {
            "kind": _kind(one, tables),
            **({"layers": " ".join(layer.name for layer in below[one])} if below[one] else {}),
            **({PARENT: runs[above[0]].info.run_id} if above else {}),
            NOTE: _joined(note),
        }
        queries.tag(run, tags)


def _describe_models(runs: Runs, tables: Tables, report: str) -> None:
    usable = [one for one in runs if one.usable]
    if not usable:
        return
    from pipelines.serving import registry  # torch and pandas take seconds to import

    there = registry.registered()
    for one in usable:
        if one.name in there:
            load = f'Load it with `mlflow.pyfunc.load_model("models:/{one.name}@current")`.'
            links = [
                _link("The run that made it", queries.page(runs[one])),
                _link("Report", report),
            ]
            note = [_sentence(one, tables), f"{_takes(one)} {load}", _figures(one), _dotted(links)]
            registry.describe(one.name, there[one.name], _joined(note))


def _describe_experiment(dataset: str, runs: Runs, report: str) -> None:
    """Write a dataset's views and its description; its first line is all that the list shows."""
    experiment, prepared = (
        next(iter(runs.values())).info.experiment_id,
        artifacts.PREPARED / dataset,
    )
    address = f"#/experiments/{experiment}/runs{UI_MODE}&viewStateShareKey="
    columns = {}
    for view, stage in VIEWS.items():
        if shown := [run.data.metrics for one, run in runs.items() if one.stage == stage]:
            columns[view] = [name for name in COLUMNS if _most_have(provenance.legal(name), shown)]
    begin = [_link(view, address + view.lower()) for view in columns]
    meant = [
        f"- `{provenance.legal(name)}`: {MEANINGS[name]}"
        for name in COLUMNS
        if any(name in names for names in columns.values())
    ]
    note = [
        f"{_data(prepared)}: a run for each variant, classifier and pretrained layer of {dataset}.",
        f"Begin with {', '.join(filter(None, [*begin, _link('the report', report)]))}.",
        LEGEND,
        _split(prepared),
        "\n".join(["What the figures mean:", "", *meant]) if meant else "",
    ]
    tags = {f"mlflow.sharedViewState.{v.lower()}": _view(v, names) for v, names in columns.items()}
    queries.tag_experiment(experiment, {**tags, "data": dataset, NOTE: _joined(note)})


def _view(name: str, figures: Sequence[str]) -> str:
    """A view of the runs table: which runs, their order and columns, and charts of the columns.

    MLflow has no interface for its saved views, and its addresses hold no columns: they are tags
    of the experiment, as the UI's *Share* button writes them. Curves by epoch the UI adds itself.
    """
    metrics = [provenance.legal(figure) for figure in figures]
    columns = [f"metrics.`{metric}`" for metric in metrics]
    place = {"metricSectionId": name, "runsCountToCompare": 50}
    side_by_side = {"type": "PARALLEL", "selectedParams": [], "selectedMetrics": metrics}
    bars = [{"type": "BAR", "uuid": metric, "metricKey": metric, **place} for metric in metrics]
    state = {
        "searchFilter": f"tags.current = 'true' and tags.stage = '{VIEWS[name]}'",
        "orderByKey": next(iter(columns), "tags.`mlflow.runName`"),
        "orderByAsc": not figures or _less_is_better(figures[0]),
        "selectedColumns": ["tags.`kind`", *columns],
        "compareRunSections": [{"uuid": name, "name": name, "display": True}],
        "compareRunCharts": [{"uuid": name, **side_by_side, **place}, *bars],
    }
    return json.dumps({"name": name, "createdAt": 0, "state": json.dumps(state)})


def _less_is_better(figure: str) -> bool:
    return figure not in METRICS or METRICS[figure].better == "low"


def _most_have(metric: str, runs: Sequence[Mapping[str, float]]) -> bool:
    return 2 * sum(metric in metrics for metrics in runs) > len(runs)


def _below(one: ModelEntry, tables: Tables) -> list[ModelEntry]:
    """The layers that a model stands on, from the data up."""
    found: list[ModelEntry] = []
    kind, _, name = str(_parameters(one, tables).get("input", "")).partition("/")
    while kind == "layers" and (layer := ModelEntry(kind, name)) not in found:
        found.insert(0, layer)
        kind, _, name = str(_parameters(layer, tables).get("input", "")).partition("/")
    return found


def _parameters(one: ModelEntry, tables: Tables) -> Mapping[str, Any]:
    return tables.get(one.kind, {}).get(one.name, {})


def _kind(one: ModelEntry, tables: Tables) -> str:
    return str(_parameters(one, tables).get("kind", one.kind.rstrip("s")))


def _sentence(one: ModelEntry, tables: Tables) -> str:
    """One sentence on a layer, variant or classifier: kind, widths, dataset, special settings."""
    kind, known = _kind(one, tables), _parameters(one, tables)
    told = {key: known[key] for key in SETTINGS if known.get(key) not in PLAIN}
    told = {key: value for key, value in told.items() if value != f"prepared/{one.dataset}"}
    said = [f"{key.replace('_', ' ')} {_value(value)}" for key, value in told.items()]
    if kind not in SOLVED and "train" in known:
        said.append(f"{known['train']['epochs']} epochs")
    words = f"{KINDS.get(kind, kind)} {_widths(one.described.get('layers', ()))}".rstrip()
    return "; ".join([f"{words}, on {one.dataset}", *said]) + "."


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items() if inner)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _widths(layers: Sequence[Mapping[str, Any]]) -> str:
    """A net's widths from the data to the code, ``784-1000-30``."""
    units = [f"{layer['maps']} maps" if "maps" in layer else layer["units"] for layer in layers]
    return "-".join(map(str, [*(layer["inputs"] for layer in layers[:1]), *units]))


def _figures(one: ModelEntry) -> str:
    """Its main figures on the test part, in a line; empty where none was measured."""
    cells = [
        f"{metric.label} **{metric.text(one.results[name])}**"
        for path, metric in METRICS.items()
        if (name := provenance.legal(path)) in one.results
    ]
    return f"Test part: {_dotted(cells)}" if cells else ""


def _data(prepared: Path) -> str:
    """The examples in words: ``Autoencoders of images 28 × 28 with 10 classes``."""
    if not (meta := _meta(prepared)):
        return "Autoencoders"
    shape = " × ".join(map(str, meta["shape"]))
    documents = meta["kind"] == "documents"
    what = f"documents as counts of {shape} words" if documents else f"images {shape}"
    classes = len(meta.get("classes", ()))
    named = f" with {classes} {'topics' if documents else 'classes'}" if classes else ""
    return f"Autoencoders of {what}{named}"


def _takes(one: ModelEntry) -> str:
    """Inputs and outputs of a registered model."""
    if not (meta := _meta(artifacts.PREPARED / one.dataset)):
        return ""
    images = f"images {' × '.join(map(str, meta['shape']))}, floats from 0 to 1"
    layers = one.described.get("layers", ())
    size = layers[-1]["units"] if layers else int(np.prod(meta["shape"]))
    classes = len(one.described.get("classes", ()))
    gives = f"the probability of each of {classes} classes" if classes else f"{size} numbers each"
    return f"Takes {'texts' if meta['kind'] == 'documents' else images}, gives {gives}."


def _split(prepared: Path) -> str:
    """How many examples each part has."""
    counts = {split: count for split in SPLITS if (count := _count(prepared, split))}
    text = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    return f"Split: {text}. All choices are made on validation." if text else ""


def _count(prepared: Path, split: str) -> int:
    array = prepared / f"{split}_inputs.npy"
    if array.exists():
        return len(np.load(array, mmap_mode="r"))
    return int(_meta(prepared).get("documents", {}).get(split, 0))


def _meta(prepared: Path) -> dict[str, Any]:
    path = prepared / "meta.json"
    return read_json(path, f"run: dvc repro prepare@{prepared.name}") if path.exists() else {}


def _link(text: str, to: str) -> str:
    """A link; empty where there is nothing to link to."""
    return f"[{text}]({to})" if to else ""


def _links(text: str, to: Sequence[ModelEntry], runs: Runs) -> str:
    links = [_link(one.name, queries.page(runs[one])) for one in to]
    return f"{text} {', '.join(links)}" if links else ""


def _dotted(parts: Iterable[str]) -> str:
    return " · ".join(filter(None, parts))


def _joined(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(filter(None, paragraphs))
