"""Retrieval metrics of document codes, where a document may have several topics.

Legend: Q queries, D database documents, K code size, C labels, R levels of recall. Scoring takes
the queries in chunks, so its memory grows with D, not with Q * D.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.evaluation.metrics.ranking import Floats, average_precision, ranking

Bools = NDArray[np.bool_]

CHUNK = 256

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


def interpolated_precision(relevant: Bools) -> Floats:
    """Interpolated precision ``(Q, R)`` at ``RECALLS`` of rankings given as relevance ``(Q, D)``.

    The highest precision at any rank where recall is at least the level (Manning et al. 2008,
    section 8.4); 0 if none is relevant.
    """
    hits = relevant.cumsum(1, dtype=np.int32)
    precision = hits / np.arange(1, relevant.shape[1] + 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # at this rank or later
    needed = [-(-percent * hits[:, -1] // 100) for percent in RECALLS]  # rounded up
    ranks = np.stack([(hits >= count[:, None]).argmax(1) for count in needed], 1)  # the first
    return np.take_along_axis(best, ranks, 1)


def chunked_mean(rows: Callable[[slice], Floats], count: int) -> Floats:
    """Mean over ``count`` queries of what ``rows`` gives ``(queries, ...)`` for a slice of them."""
    slices = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy lets other threads run
        sums = list(pool.map(lambda chunk: rows(chunk).sum(0), slices))
    return np.asarray(np.sum(sums, axis=0) / count)


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

    def figures(chunk: slice) -> Floats:
        order = ranking(queries[chunk], database, distance)
        relevant = np.take_along_axis(relevance(query_labels[chunk], labels), order, 1)
        precisions = [relevant[:, :k].mean(1) for k in cutoffs]
        each = np.stack([*precisions, average_precision(relevant)], 1)
        return np.hstack([each, interpolated_precision(relevant)])

    means = chunked_mean(figures, len(queries)).tolist()
    names = [*(f"precision@{k}" for k in cutoffs), "map"]
    levels = [str(percent / 100) for percent in RECALLS]
    return {
        **dict(zip(names, means[: len(names)], strict=True)),
        "precision_at_recall": dict(zip(levels, means[len(names) :], strict=True)),
    }
