import numpy as np
import pytest
from scipy.sparse import csr_array

from ae_lightning.data.text.bag_of_words import Counts
from ae_lightning.data.text.neighbours import DocumentsWithNeighbours, nearest


@pytest.fixture
def words():
    random = np.random.default_rng(0)  # no two equally near, as whole counts would have
    return csr_array(random.poisson(0.6, (40, 15)) * random.uniform(0.5, 1.5, (40, 15)))


def test_neighbours_are_those_of_all_pairs_compared(words):
    links = nearest(words, words, 4, same=True).toarray()
    dense = words.toarray() / np.linalg.norm(words.toarray(), axis=1, keepdims=True)
    similar = dense @ dense.T
    np.fill_diagonal(similar, 0)
    similar[similar < np.sort(similar, axis=1)[:, [-4]]] = 0
    np.testing.assert_allclose(links, similar / similar.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("documents", [1, 2])
def test_few_documents_have_few_neighbours(words, documents):
    few = words[:documents]
    links = nearest(few, few, 4, same=True).toarray()
    np.testing.assert_allclose(links, np.eye(documents)[::-1] * (documents > 1))


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
