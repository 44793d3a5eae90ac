"""Markdown descriptions of datasets, runs and registered models for MLflow's UI.

Knows no tracker: links are handed in, relative to the UI (``#/...``).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ae_lightning.artifacts import PREPARED
from ae_lightning.config.variants import SOLVED
from pipelines.orchestration.summary import METRICS
from pipelines.tracking import provenance
from pipelines.tracking.artifact_index import ModelEntry

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

PHRASES: Mapping[str, Callable[[Any], str]] = {
    "whiten": lambda share: f"images whitened by {share:g}",
    "weights": lambda name: f"words weighed by {name}",
    "corruption": lambda kinds: f"inputs corrupted ({_list(kinds)})",
    "l1": lambda weight: f"L1 of {weight:g} on the code",
    "l2": lambda weight: f"L2 of {weight:g} on the code",
    "contractive": lambda weight: f"contractive penalty of {weight:g}",
    "neighbours": lambda asked: f"asked for the words of {asked['count']} neighbours, too",
    "views": lambda asked: f"from moved copies ({_list(asked)})",
    "unlabelled": lambda asked: "learns from unlabelled images, too",
}
"""Phrases for parameters that are set."""

START = {"layers": "pretrained greedily", "prepared": "from random weights"}
STARTED = ("autoencoder", "classifier")
"""Initial weights in words, by the folder of ``input``, and the kinds that mention them."""

CODES = {"binary": "a code of bits", "unit": "codes of one length"}

FIGURES = {
    "reconstruction.sse": "squared error summed over an image's values in [0, 1], mean over images",
    "reconstruction.mse": "the same per value",
    "knn.accuracy@1": "share of images whose nearest code of the training images has their class",
    "knn.accuracy@5": "the same by a vote of the nearest five",
    "retrieval.precision@10": "of the ten nearest in the database, the share that is relevant",
    "retrieval.precision@100": "the same of the hundred nearest",
    "retrieval.map": "mean average precision over the whole database",
    "retrieval.hamming.precision@100": "of the hundred nearest by Hamming distance of binary codes",
    "queries.share@10": "of the ten nearest to a keyword query, the share with an expected topic",
    "embedding.knn@5": "for codes of two numbers: accuracy of the nearest five",
    "pretrained.error@100.mean": "a classifier's share of wrong answers, taught by 100 labels",
    "pretrained.error@1000.mean": "by 1,000 labels",
    "pretrained.error@all.mean": "by all labels",
}
"""Meaning of the names of metrics.json in tables; the rest: README."""

SPLITS = ("train", "validation", "test")


def link(text: str, to: str) -> str:
    """A link, or the bare text where there is nothing to link to."""
    return f"[{text}]({to})" if to else text


def sentence(one: ModelEntry, parameters: Mapping[str, Any]) -> str:
    """One sentence on a layer, variant or classifier: kind, widths, dataset, special settings."""
    kind = "classifier" if one.kind == "classifiers" else str(parameters.get("kind", "autoencoder"))
    below = str(parameters.get("input", "")).partition("/")[0]
    said = [START[below]] if kind in STARTED and below in START else []
    said += [PHRASES[key](value) for key, value in parameters.items() if value and key in PHRASES]
    said += [CODES[code] for code in [parameters.get("code_activation")] if code in CODES]
    said += [
        f"{trained['epochs']} epochs"
        for trained in [parameters.get("train")]
        if trained and kind not in SOLVED
    ]
    words = " ".join(part for part in (KINDS.get(kind, kind), _widths(one)) if part)
    return "; ".join([f"{words}, on {one.dataset}", *said]) + "."


def figures(one: ModelEntry) -> str:
    """Its main figures on the test part, in a line; empty where none was measured."""
    known = provenance.numbers(one.results)
    cells = [
        f"{heading} **{known[name]:.{digits}f}**"
        for heading, (path, digits) in METRICS.items()
        if (name := provenance.legal(path)) in known
    ]
    return f"Test part: {' · '.join(cells)}" if cells else ""


def run(
    one: ModelEntry,
    parameters: Mapping[str, Any],
    *,
    below: Mapping[str, str],
    above: Mapping[str, str],
    registered: str,
    report: str,
) -> str:
    """The description of a run.

    Args:
        one: What it made.
        parameters: Its resolved parameters.
        below: The layers that it stands on, from the data up, with their links.
        above: Variants and classifiers that stand on it, with theirs.
        registered: Link of the registered model, if there is one.
        report: Link of the report, if there is one.
    """
    place = {"models": "variants"}.get(one.kind, one.kind)
    last = {"layers": "pretrain", "models": "evaluate", "classifiers": "grade"}[one.kind]
    built = f"`params.yaml`: `{place}.{one.name}`. Built again by `ae flow {last}@{one.name}`."
    links = [
        _links("Stands on the pretrained layers", below),
        _links("On it stand", above),
        link("Registered model", registered) if registered else "",
        link("Report", report) if report else "",
    ]
    return _joined(
        [sentence(one, parameters), " · ".join(filter(None, links)), built, figures(one)]
    )


def model(one: ModelEntry, parameters: Mapping[str, Any], run: str, report: str) -> str:
    """The description of a registered model.

    Args:
        one: The variant or classifier.
        parameters: Its resolved parameters.
        run: Link of the run that made it.
        report: Link of the report, if there is one.
    """
    loaded = f'`mlflow.pyfunc.load_model("models:/{one.name}@current")`'
    links = [link("The run that made it", run), link("Report", report) if report else ""]
    takes = _takes(one, PREPARED / one.dataset)
    return _joined(
        [
            sentence(one, parameters),
            f"{takes} Load it with {loaded}.",
            figures(one),
            " · ".join(filter(None, links)),
        ]
    )


def experiment(
    dataset: str,
    prepared: Path,
    metrics: Iterable[str],
    views: Mapping[str, str],
    report: str,
) -> str:
    """The description of a dataset's experiment; its first line is all that the list shows.

    Args:
        dataset: The dataset's name.
        prepared: Its folder.
        metrics: Names, as in metrics.json, of the figures that its runs have.
        views: Links of the saved views by their names.
        report: Link of the report, if there is one.
    """
    start = [*(link(name, to) for name, to in views.items())]
    start += [link("the report", report)] if report else []
    meant = [
        f"- `{provenance.legal(name)}`: {FIGURES[name]}" for name in metrics if name in FIGURES
    ]
    return _joined(
        [
            f"{_data(prepared)}: a run for each variant, classifier and pretrained layer of "
            f"{dataset}.",
            f"Begin with {', '.join(start)}." if start else "",
            "`current` = true marks the newest run of each name, `stage` = finetune the variants. "
            "Layers lie below the first variant that stands on them, repeats from other seeds and "
            "a classifier's trainings below theirs. `train/…` and `val/…` are per epoch; names "
            "with dots are measured on the test part, once, as in "
            "`artifacts/evaluation/VARIANT/metrics.json`; `validation.…` are those by which all "
            "choices are made, `baseline.…` those of raw examples and of PCA or LSA.",
            _split(prepared),
            "\n".join(["What the figures mean:", "", *meant]) if meant else "",
        ]
    )


def _data(prepared: Path) -> str:
    """The examples in words: ``Autoencoders of images 28 × 28 with 10 classes``."""
    meta = _meta(prepared)
    if not meta:
        return "Autoencoders"
    shape = " × ".join(map(str, meta["shape"]))
    documents = meta["kind"] == "documents"
    what = f"documents as counts of {shape} words" if documents else f"images {shape}"
    classes = len(meta.get("classes", ()))
    named = f" with {classes} {'topics' if documents else 'classes'}" if classes else ""
    return f"Autoencoders of {what}{named}"


def _takes(one: ModelEntry, prepared: Path) -> str:
    """Inputs and outputs of a registered model."""
    meta = _meta(prepared)
    if not meta:
        return ""
    images = f"images {' × '.join(map(str, meta['shape']))}, floats from 0 to 1"
    return f"Takes {'texts' if meta['kind'] == 'documents' else images}, gives {_gives(one, meta)}."


def _gives(one: ModelEntry, meta: Mapping[str, Any]) -> str:
    if one.kind == "classifiers":
        return f"the probability of each of {len(one.described['classes'])} classes"
    layers = one.described.get("layers", ())
    size = layers[-1]["units"] if layers else int(np.prod(meta["shape"]))
    return f"{size} numbers each"


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
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _widths(one: ModelEntry) -> str:
    """The net's widths from the data to the code, ``784-1000-30``."""
    layers: Sequence[Mapping[str, Any]] = one.described.get("layers", ())
    return "-".join(str(n) for n in [*(layer["inputs"] for layer in layers[:1]), *_units(layers)])


def _units(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"{layer['maps']} maps" if "maps" in layer else str(layer["units"]) for layer in layers]


def _links(text: str, to: Mapping[str, str]) -> str:
    return f"{text} {', '.join(link(name, url) for name, url in to.items())}" if to else ""


def _list(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_short(value)}" for key, value in values.items() if value)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _joined(paragraphs: Iterable[str]) -> str:
    return "\n\n".join(filter(None, paragraphs))
