import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve
from sklearn.metrics.pairwise import cosine_distances, euclidean_distances

from ae_lightning.evaluation.metrics import ranking as module
from ae_lightning.evaluation.metrics.ranking import hit_precisions
from ae_lightning.evaluation.metrics.retrieval import (
    RECALLS,
    interpolated_precision,
    relevance,
    score_retrieval,
)

DISTANCES = {"cosine": cosine_distances, "euclidean": euclidean_distances}


@pytest.fixture
def documents():
    """Codes and labels of 40 queries and 90 documents; some have no label, some have several."""
    random = np.random.default_rng(0)
    codes = random.normal(size=(40, 5)), random.normal(size=(90, 5))
    labels = random.random((40, 6)) < 0.2, random.random((90, 6)) < 0.2
    assert all((found.sum(1) == count).any() for found in labels for count in (0, 1, 2))
    return codes[0], labels[0], codes[1], labels[1]


def labels_of(*columns, width=3):
    """A row of labels for each tuple of columns."""
    return np.array([[column in chosen for column in range(width)] for chosen in columns])


@pytest.mark.parametrize("distance", DISTANCES)
def test_map_is_the_mean_of_scikit_learns_average_precision(documents, distance):
    queries, wanted, database, labels = documents
    queries, wanted = queries[wanted.any(1)], wanted[wanted.any(1)]
    database, labels = database[labels.any(1)], labels[labels.any(1)]
    expected = [
        average_precision_score((labels & row).any(1), -distances)
        for row, distances in zip(wanted, DISTANCES[distance](queries, database), strict=True)
    ]
    assert score_retrieval(*documents, distance=distance)["map"] == pytest.approx(np.mean(expected))


def test_interpolated_precision_is_the_highest_on_scikit_learns_curve_from_there_on():
    relevant = np.random.default_rng(0).random((50, 30)) < 0.3
    found = [interpolated_precision(hit_precisions(row)) for row in relevant]
    for row, values in zip(relevant, found, strict=True):
        precision, recall, _ = precision_recall_curve(row, -np.arange(30))
        precision, recall = precision[:-1], recall[:-1]  # the last is the made-up point (0, 1)
        levels = [percent / 100 - 1e-9 for percent in RECALLS]
        np.testing.assert_allclose(values, [precision[recall >= level].max() for level in levels])


def test_interpolated_precision_by_hand():
    # Relevant at ranks 1, 4 and 5 of 6: precisions 1, 2/4, 3/5 at recalls 1/3, 2/3, 1.
    relevant = np.array([[1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], dtype=bool)
    found = [interpolated_precision(hit_precisions(row)) for row in relevant]
    np.testing.assert_allclose(found[0], [1 if percent <= 30 else 3 / 5 for percent in RECALLS])
    assert found[1].tolist() == [0] * len(RECALLS)
    np.testing.assert_allclose(found[2], 1 / 6)


@pytest.mark.parametrize("count", [10, 20, 30, 50, 70])
def test_a_recall_that_is_reached_exactly_counts(count):
    # One relevant document, then an irrelevant, and so on, so that the precision only falls.
    relevant = np.arange(2 * count) % 2 == 0
    found = dict(zip(RECALLS, interpolated_precision(hit_precisions(relevant)), strict=True))
    for percent in range(10, 101, 10):
        hits = count // 10 * (percent // 10)
        assert found[percent] == hits / (2 * hits - 1), percent


def test_relevant_is_a_label_in_common():
    queries = labels_of((0,), (1, 2), ())
    documents = labels_of((0, 1), (2,), (), (1, 2))
    assert relevance(queries, documents).astype(int).tolist() == [
        [1, 0, 0, 0],
        [1, 1, 0, 1],
        [0, 0, 0, 0],
    ]


def test_all_figures_by_hand():
    # From the query at 0, labels 0 and 1, the documents are + - + -; that at 2.5 has no label.
    database = np.array([[4.0], [1.0], [2.5], [3.0], [2.0]])
    labels = labels_of((2,), (0, 2), (), (0, 1), (2,))
    found = score_retrieval(
        np.array([[0.0]]),
        labels_of((0, 1)),
        database,
        labels,
        distance="euclidean",
        cutoffs=(1, 2, 3),
    )
    curve = found.pop("precision_at_recall")
    assert found == pytest.approx(
        {"precision@1": 1, "precision@2": 1 / 2, "precision@3": 2 / 3, "map": (1 + 2 / 3) / 2}
    )
    assert curve == pytest.approx(
        {
            **dict.fromkeys(("0.01", "0.02", "0.05", "0.1", "0.2", "0.3", "0.4", "0.5"), 1),
            **dict.fromkeys(("0.6", "0.7", "0.8", "0.9", "1.0"), 2 / 3),
        }
    )


def flat(figures):
    """All figures in one level, comparable by pytest.approx."""
    return {**figures, **figures["precision_at_recall"], "precision_at_recall": 0}


def test_documents_and_queries_without_a_label_change_nothing(documents):
    queries, wanted, database, labels = documents
    asked, known = wanted.any(1), labels.any(1)
    assert not asked.all()
    assert not known.all()
    alone = score_retrieval(queries[asked], wanted[asked], database[known], labels[known])
    assert score_retrieval(*documents) == alone


def test_a_query_with_nothing_relevant_counts_as_zero(documents):
    queries, wanted, database, labels = documents
    strange = np.pad(wanted, ((0, 0), (0, 1)))
    strange[wanted.any(1)] = labels_of((6,), width=7)
    doubled = np.vstack([np.pad(wanted, ((0, 0), (0, 1))), strange])
    found = score_retrieval(
        np.vstack([queries, queries]), doubled, database, np.pad(labels, ((0, 0), (0, 1)))
    )
    half = {name: value / 2 for name, value in flat(score_retrieval(*documents)).items()}
    assert flat(found) == pytest.approx(half)


def test_few_documents_give_the_precision_over_all_of_them(documents):
    _, wanted, _, labels = documents
    known = labels.any(1)
    share = relevance(wanted[wanted.any(1)], labels[known]).mean()
    found = score_retrieval(*documents, cutoffs=(known.sum(), 1000))
    assert list(found.values())[:2] == pytest.approx([share, share])


def test_a_permuted_database_scores_the_same(documents):
    queries, wanted, database, labels = documents
    order = np.random.default_rng(1).permutation(90)
    permuted = score_retrieval(queries, wanted, database[order], labels[order])
    assert flat(permuted) == pytest.approx(flat(score_retrieval(*documents)), rel=1e-12)


@pytest.mark.parametrize("size", [1, 7, 40, 1000])
def test_chunks_change_nothing(documents, monkeypatch, size):
    whole = flat(score_retrieval(*documents))
    monkeypatch.setattr(module, "CHUNK", size)
    assert flat(score_retrieval(*documents)) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("which", [1, 3])
def test_without_any_label_there_is_no_score(documents, which):
    documents = list(documents)
    documents[which] = np.zeros_like(documents[which])
    with pytest.raises(ValueError, match=r"needs labels: none of the \d0 documents has one"):
        score_retrieval(*documents)
