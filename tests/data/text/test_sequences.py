import numpy as np
import pytest
import torch

from ae_lightning.data.sampler import BatchIndices, loader
from ae_lightning.data.text.sequences import Sequences
from ae_lightning.data.text.tokenize import PADDING, RaggedArray

ROWS = [[5, 1, 7], [], [4], [3, 3, 8, 9]]
FLAT = [5, 1, 7, 4, 3, 3, 8, 9]


@pytest.fixture
def sequences():
    """Four sequences of 3, 0, 1 and 4 tokens."""
    tokens = np.array(FLAT, dtype=np.int32)
    return Sequences(tokens, np.array([0, 3, 3, 4, 8], dtype=np.int64))


def by_hand(rows):
    """Rows followed by zeros up to the longest of them."""
    longest = max((len(row) for row in rows), default=0)
    return [[*row, *[PADDING] * (longest - len(row))] for row in rows]


def test_how_many_how_long_how_large(sequences):
    assert len(sequences) == 4
    assert sequences.lengths.tolist() == [3, 0, 1, 4]
    assert sequences.nbytes == 8 * 4 + 5 * 8
    assert [array.tolist() for array in sequences.arrays] == [FLAT, [0, 3, 3, 4, 8]]


@pytest.mark.parametrize("order", [[3, 0], [0, 1, 2, 3], [2, 2], [2, 1], [1]])
def test_rows_come_in_the_order_asked_for_padded_to_the_longest_of_them(sequences, order):
    rows = sequences[np.array(order)]
    assert rows.dtype == np.int64
    assert rows.tolist() == by_hand([ROWS[i] for i in order])


def test_slices_masks_and_nothing_at_all(sequences):
    assert sequences[1:3].tolist() == by_hand(ROWS[1:3])
    assert sequences[np.array([True, False, False, True])].tolist() == by_hand([ROWS[0], ROWS[3]])
    assert sequences[np.array([], dtype=np.int64)].shape == (0, 0)
    assert Sequences(np.zeros(0, np.int32), np.zeros(1, np.int64))[:].shape == (0, 0)


def test_a_sequence_is_never_cut(sequences):
    long = np.arange(3, 100_003, dtype=np.int32)
    found = Sequences(long, np.array([0, 100_000]))[np.array([0])]
    assert np.array_equal(found[0], long)


def test_they_are_read_from_disk_where_they_lie(sequences, tmp_path):
    for name, array in zip(("tokens", "offsets"), sequences.arrays, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = Sequences(
        *(np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("tokens", "offsets"))
    )
    assert mapped[np.array([3, 2])].tolist() == by_hand([ROWS[3], ROWS[2]])


def test_batches_of_a_loader_hold_whole_sequences(sequences):
    batches = list(loader(sequences, BatchIndices(4, 2)))
    assert [batch.tolist() for batch in batches] == [by_hand(ROWS[:2]), by_hand(ROWS[2:])]
    assert all(batch.dtype == torch.int64 for batch in batches)


def test_they_are_the_tokenisers_rows(sequences):
    kept = RaggedArray(*sequences.arrays).select(np.array([0, 3]))
    assert Sequences(kept.values, kept.offsets)[:].tolist() == by_hand([ROWS[0], ROWS[3]])
