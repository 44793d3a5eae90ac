"""Figures of all variants on a dataset of documents: precision by recall, 2-D codes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ae_lightning.config.datasets import Documents
from ae_lightning.config.params import Params
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import reading
from ae_lightning.evaluation.figures.documents import precision_recall, topics_beside

CODES = "codes.npz"
PLANE = 2
"""Numbers in a code that can be drawn as it is."""


def document_figures(
    params: Params, measured: Mapping[str, Mapping[str, Any]], evaluation: Path, prepared: Path
) -> Iterator[tuple[str, Figure]]:
    """Figures by file name, for each dataset of documents that has labels.

    ``precision_recall_DATASET`` has every variant, ``plane_DATASET`` those with 2-D codes, if the
    data and the codes are there.
    """
    for data, dataset in params.datasets.items():
        if not isinstance(dataset, Documents):
            continue
        names = [name for name in measured if params.variants[name].data == data]
        curves = {
            name: measured[name]["retrieval"]["precision_at_recall"]
            for name in names
            if "retrieval" in measured[name]
        }
        if not curves:
            continue
        yield f"precision_recall_{data}", precision_recall(curves)
        planes = [
            name
            for name in curves
            if measured[name]["code"]["size"] == PLANE and (evaluation / name / CODES).exists()
        ]
        if planes and (prepared / data / "meta.json").exists():
            found = PreparedDataset.open(prepared / data)
            codes = {name: _codes(evaluation / name) for name in planes}
            yield f"plane_{data}", topics_beside(codes, found.labels("test"), found.classes)


def _codes(folder: Path) -> Any:
    path = folder / CODES
    with reading(path, f"run: dvc repro evaluate@{folder.name}"), np.load(path) as codes:
        return codes["test"]
