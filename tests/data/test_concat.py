import numpy as np
import pytest

from ae_lightning.data.concat import ConcatenatedArrays

RANDOM = np.random.default_rng(0)
PARTS = [RANDOM.integers(0, 256, (count, 2, 3)).astype(np.uint8) for count in (4, 0, 1, 6)]


@pytest.mark.parametrize(
    "rows", [slice(None), slice(2), slice(3, 6), slice(4, 5), slice(9, 40), slice(-3, None)]
)
def test_rows_are_those_of_one_array(rows):
    joined, whole = ConcatenatedArrays(PARTS), np.concatenate(PARTS).reshape(11, 6)
    assert (len(joined), joined.shape) == (11, (11, 6))
    np.testing.assert_array_equal(joined[rows], whole[rows])
    assert joined[rows].dtype == np.uint8
