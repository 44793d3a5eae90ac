"""Retrieval metrics of document codes, where a document may have several topics.

Legend: Q queries, D database documents, K code size, C labels, R levels of recall. Scoring takes
the queries in chunks, so its memory grows with D, not with Q * D.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.evaluation.metrics.ranking import (
    DISTANCES,
    Floats,
    average_precision,
    hit_precisions,
    mean_over_queries,
    nearest_first,
)

Bools = NDArray[np.bool_]

RECALLS = (1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
"""Levels of recall in per cent, whole numbers so that the hits they need are counted exactly."""


def labelled(documents: NDArray[Any], labels: Bools) -> tuple[NDArray[Any], Bools]:
    """Documents ``(D, K)`` and labels ``(D, C)`` without the documents that have no label.

    Raises ValueError where none has one: nothing can be scored then.
    """
    chosen = labels.any(1)
    if not chosen.any():
        raise ValueError(f"retrieval needs labels: none of the {len(labels)} documents has one")
    return documents[chosen], labels[chosen]


def relevance(query_labels: Bools, labels: Bools) -> Bools:
    """Whether they have a label in common, ``(Q, D)``, of labels ``(Q, C)`` and ``(D, C)``."""
    common = query_labels.astype(np.float32) @ labels.T.astype(np.float32)
    return common > 0


def interpolated_precision(precisions: Floats) -> Floats:
    """Interpolated precision ``(R,)`` at ``RECALLS``, of the precision at each relevant rank.

    The highest precision at any rank where recall is at least the level (Manning et al. 2008,
    section 8.4); 0 if none is relevant. Between relevant documents precision only falls.
    """
    if not len(precisions):
        return np.zeros(len(RECALLS))
    best = np.maximum.accumulate(precisions[::-1])[::-1]  # at this rank or later
    needed = [-(-percent * len(precisions) // 100) for percent in RECALLS]  # rounded up
    return best[np.array(needed) - 1]


def score_retrieval(
    queries: Floats,
    query_labels: Bools,
    database: Floats,
    labels: Bools,
    *,
    distance: str = "cosine",
    cutoffs: Sequence[int] = (1, 10, 100),
) -> dict[str, Any]:
    """Precision, mean average precision and the precision-recall curve of document codes.

    Takes codes ``(Q, K)`` and ``(D, K)`` with labels ``(Q, C)`` and ``(D, C)``. A document is
    relevant if it has at least one label of the query. Queries and documents without a label are
    left out first. Returns ``precision@k`` for k in ``cutoffs``, ``map``, and
    ``precision_at_recall`` by the level of recall, "0.01" to "1.0", all means over the queries.

    A query without any relevant document counts, with 0 in every figure. A database of fewer than
    k documents gives the precision over all of it. Raises ValueError without labelled documents.
    """
    queries, query_labels = labelled(queries, query_labels)
    database, labels = labelled(database, labels)

    measure = DISTANCES[distance](database)

    def figures(chunk: slice) -> Floats:
        found = []
        related = relevance(query_labels[chunk], labels)
        for row, distances in zip(related, measure(queries[chunk]), strict=True):
            relevant = nearest_first(distances, row)
            precisions = hit_precisions(relevant)
            each = [*(relevant[:k].mean() for k in cutoffs), average_precision(precisions)]
            found.append(np.hstack([each, interpolated_precision(precisions)]))
        return np.array(found)

    means = mean_over_queries(figures, len(queries), len(labels)).tolist()
    names = [*(f"precision@{k}" for k in cutoffs), "map"]
    levels = [str(percent / 100) for percent in RECALLS]
    return {
        **dict(zip(names, means[: len(names)], strict=True)),
        "precision_at_recall": dict(zip(levels, means[len(names) :], strict=True)),
    }
