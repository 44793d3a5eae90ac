import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from ae_lightning.data.text import neighbours
from ae_lightning.data.text.bag_of_words import Counts
from ae_lightning.data.text.neighbours import DocumentsWithNeighbours, nearest


@pytest.fixture
def words():
    random = np.random.default_rng(0)  # no two equally near, as whole counts would have
    return csr_array(random.poisson(0.6, (40, 15)) * random.uniform(0.5, 1.5, (40, 15)))


def test_neighbours_are_scikit_learns(words, monkeypatch):
    monkeypatch.setattr(neighbours, "CHUNK", 7)
    links = nearest(words, words, 4, same=True)
    reference = NearestNeighbors(n_neighbors=5, metric="cosine").fit(words)
    distances, indices = reference.kneighbors(words)
    for row, (away, others) in enumerate(zip(distances, indices, strict=True)):
        similar = {o: 1 - d for o, d in zip(others, away, strict=True) if o != row}
        total = sum(similar.values())
        found = dict(zip(links[[row]].indices, links[[row]].data, strict=True))
        assert found == pytest.approx({o: s / total for o, s in similar.items()}, abs=1e-5)


def test_other_documents_may_be_each_others_nearest(words):
    links = nearest(words[:10], words, 1)
    assert (links.toarray().argmax(1) == np.arange(10)).all()


def test_a_document_like_no_other_has_no_neighbour():
    words = csr_array(np.array([[1.0, 0, 0], [0, 1, 1], [0, 2, 1]]))
    links = nearest(words, words, 2, same=True).toarray()
    np.testing.assert_allclose(links, [[0, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_rows_hold_counts_and_what_is_around():
    counts = Counts(csr_array(np.array([[3, 0], [0, 5]])))
    links = csr_array(np.array([[0, 0.25, 0.75], [1, 0, 0]]))
    words = csr_array(np.array([[1, 0], [0, 1], [0.5, 0.5]]))
    together = DocumentsWithNeighbours(counts, links, words)
    np.testing.assert_allclose(together[np.array([1, 0])], [[0, 5, 1, 0], [3, 0, 0.375, 0.625]])
    assert len(together) == 2
    assert together.nbytes > counts.nbytes
