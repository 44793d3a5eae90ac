"""Retrieval by binary codes and their Hamming distance.

Legend: Q queries, D database documents, N training documents, K bits, C labels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ae_lightning.evaluation.metrics.ranking import Floats, Ints, mean_over_queries
from ae_lightning.evaluation.metrics.retrieval import Bools, labelled, relevance


def medians(codes: NDArray[Any]) -> Floats:
    """Thresholds ``(K,)`` that halve each number of the codes ``(N, K)`` as evenly as they can.

    Half-way between the two neighbouring values nearest to the median. The median itself would
    lose a bit where many documents share one value, as in a code that is binary already. A single
    code is its own threshold.
    """
    if len(codes) < 2:
        return codes[0].astype(np.float64)
    ordered = np.sort(codes, axis=0).astype(np.float64)
    below = np.arange(1, len(codes))[:, None]
    unevenness = np.where(ordered[1:] > ordered[:-1], np.abs(below - len(codes) / 2), np.inf)
    cut = unevenness.argmin(0)[None]
    ends = [np.take_along_axis(ordered, place, 0)[0] for place in (cut, cut + 1)]
    return (ends[0] + ends[1]) / 2


def binarize(codes: NDArray[Any], thresholds: Floats) -> Bools:
    """Bits ``(N, K)`` of the codes ``(N, K)``: whether a number is above its threshold ``(K,)``."""
    return codes > thresholds


def distances(queries: Bools, database: Bools) -> Ints:
    """Hamming distances ``(Q, D)`` of bits ``(Q, K)`` and ``(D, K)``."""
    first, second = (np.where(bits, 1, -1).astype(np.float32) for bits in (queries, database))
    return ((queries.shape[1] - first @ second.T) / 2).astype(np.int64)


def expected_precision(distance: Ints, relevant: Bools, k: int) -> Floats:
    """Precision ``(Q,)`` of the k nearest if ties come in random order, exactly in expectation.

    Of the documents at one Hamming distance ``(Q, D)``, those that have room among the k are
    relevant ``(Q, D)`` in the share that all of that distance are. Fewer than k documents give the
    precision over all of them.
    """
    count, size = distance.shape[0], int(distance.max()) + 1
    cells = (distance + size * np.arange(count)[:, None]).ravel()
    shape = count, size
    found = np.bincount(cells, minlength=count * size).reshape(shape)
    good = np.bincount(cells, relevant.ravel(), minlength=count * size).reshape(shape)
    nearer = found.cumsum(1) - found
    taken = np.clip(k - nearer, 0, found)
    return (taken * good / np.maximum(found, 1)).sum(1) / min(k, distance.shape[1])


def precision_at(
    queries: Bools, query_labels: Bools, database: Bools, labels: Bools, k: int = 100
) -> float:
    """Mean expected precision of the k nearest in Hamming distance.

    Takes bits ``(Q, K)`` and ``(D, K)`` with labels ``(Q, C)`` and ``(D, C)``; relevant is what
    has at least one label in common.
    """

    def precisions(chunk: slice) -> Floats:
        relevant = relevance(query_labels[chunk], labels)
        return expected_precision(distances(queries[chunk], database), relevant, k)

    return float(mean_over_queries(precisions, len(queries), len(database)))


def most_frequent(labels: Bools, count: int = 20) -> Ints:
    """Columns of the most frequent labels of ``(D, C)``, most frequent first, lower one in ties."""
    return np.argsort(-labels.sum(0), kind="stable")[:count]


def score_hamming(
    train_codes: Floats,
    queries: Floats,
    query_labels: Bools,
    database: Floats,
    labels: Bools,
    *,
    k: int = 100,
    topics: int | None = None,
) -> dict[str, float]:
    """``precision@k`` by Hamming distance of codes cut at the training codes' medians; ``bits``.

    Takes codes ``(N, K)``, ``(Q, K)`` and ``(D, K)`` with labels ``(Q, C)`` and ``(D, C)``.
    Documents without a label are left out, from the queries and the database, not from the
    medians. With ``topics`` only that many labels, the database's most frequent, count as such, as
    in the papers on semantic hashing that score Reuters by its 20 main topics (Chaidaroon & Fang
    2017 and those that compare with it). Raises ValueError without labelled documents.
    """
    if topics is not None:
        chosen = most_frequent(labels, topics)
        query_labels, labels = query_labels[:, chosen], labels[:, chosen]
    thresholds = medians(train_codes)
    queries, query_labels = labelled(queries, query_labels)
    database, labels = labelled(database, labels)
    bits = [binarize(codes, thresholds) for codes in (queries, database)]
    precision = precision_at(bits[0], query_labels, bits[1], labels, k)
    return {f"precision@{k}": precision, "bits": train_codes.shape[1]}
