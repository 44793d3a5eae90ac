"""Figures of a variant on documents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from ae_lightning.evaluation.figures import plots
from ae_lightning.evaluation.figures.documents import (
    NATS,
    main_columns,
    main_topics,
    precision_recall,
    topics,
)
from ae_lightning.evaluation.figures.embedding import Plane
from ae_lightning.evaluation.figures.image_pages import embedding
from ae_lightning.evaluation.results import look_up
from ae_lightning.training.curve import LearningCurve

if TYPE_CHECKING:
    from ae_lightning.evaluation.collection import Collection


def document_pictures(
    name: str, collection: Collection, metrics: Mapping[str, Any], curve: Path
) -> tuple[dict[str, Figure], Plane]:
    """The variant's figures by file name, and its codes in a plane, coloured by main topic.

    Figures that need labels or a learning curve are there only where those are.
    """
    points, title = embedding(collection.codes["test"], "documents")
    classes = collection.corpus.data.classes
    labels = collection.labels.get("test", np.zeros((len(points), 0), dtype=bool))[: len(points)]
    drawn = {"codes": topics(points, labels, classes, f"{name}: {title}")}
    if curves := beside_baselines(name, metrics):
        drawn["precision_recall"] = precision_recall(curves)
    if learned := LearningCurve.read(curve).columns:
        drawn["learning_curves"] = plots.learning_curves({name: learned}, "val/loss", NATS)
    chosen = main_columns(labels)
    main = main_topics(labels[:, chosen])
    return drawn, Plane(title, points, main, [classes[column] for column in chosen])


def beside_baselines(name: str, metrics: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """Precision by recall of a variant and, under their own names, of what it is compared with.

    {} without labels; those are left out for which it could not be measured.
    """
    lsa = f"lsa-{metrics['code']['size']}"
    baselines = metrics["baseline"].items()
    compared = {lsa if other == "lsa" else other: found for other, found in baselines}
    curves = {
        label: look_up(found, "retrieval.precision_at_recall")
        for label, found in (compared | {name: metrics}).items()
    }
    return {label: curve for label, curve in curves.items() if curve}
