"""Single examples on the page: codes in the plane, images and titles."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ae_lightning.artifacts import remedy
from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.text.corpus import Corpus
from ae_lightning.errors import reading
from ae_lightning.evaluation.results import read_measured
from pipelines.report.embed import as_uri, sheet

TITLE = 90
"""Letters of a title that are shown."""


def planes(params: Params, evaluation: Path) -> dict[str, dict[str, Any]]:
    """``plane.json`` of each variant that has one, with its dataset and decoded images."""
    found = {}
    for name, variant in params.variants.items():
        folder = evaluation / name / "plane"
        plane = read_measured(folder / "plane.json", f"evaluate@{name}")
        if not plane:
            continue
        documents = isinstance(params.datasets[variant.data], Documents)
        plane |= {"data": variant.data, "what": "main topic" if documents else "class"}
        if "decoded" in plane:
            sheet_file = folder / "decoded.webp"
            with reading(sheet_file, remedy(sheet_file)):
                Image.open(sheet_file).load()
                plane["decoded"]["uri"] = as_uri(sheet_file.read_bytes())
        found[name] = plane
    return found


def examples(
    params: Params, shown: Iterable[Mapping[str, Any]], prepared: Path
) -> dict[str, dict[str, Any]]:
    """Of each dataset the test examples on the ``shown`` planes: a ``sheet`` of images, or titles.

    A dataset that is not prepared is left out: there are points then, without what they are.
    """
    counts: dict[str, int] = {}
    for plane in shown:
        counts[plane["data"]] = max(len(plane["points"]), counts.get(plane["data"], 0))
    return {
        name: read(PreparedDataset.open(prepared / name), count)
        for name, count in counts.items()
        if (prepared / name / "meta.json").exists()
        for read in [_titles if isinstance(params.datasets[name], Documents) else _images]
    }


def strokes(params: Params) -> list[str]:
    """Datasets of bright strokes on dark ground, which are drawn as ink."""
    return [name for name, dataset in params.datasets.items() if dataset.kind == "idx"]


def _images(data: PreparedDataset, count: int) -> dict[str, Any]:
    return {"sheet": sheet(np.array(data.inputs("test")[:count]), data.shape)}


def _titles(data: PreparedDataset, count: int) -> dict[str, Any]:
    return {"titles": [row["title"][:TITLE] for row in Corpus(data).records("test")[:count]]}
