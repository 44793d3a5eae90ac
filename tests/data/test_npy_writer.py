import io
from functools import partial

import numpy as np
import pytest

from ae_lightning.data import npy_writer
from ae_lightning.data.npy_writer import ArrayFile, rows_in_block, write_blocks


def saved_by_numpy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(0, 3), (7,), (12, 3, 2), (1, 4, 4, 3)])
def test_blocks_are_written_as_numpy_would_write_the_whole(tmp_path, shape, dtype):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    for size in (1, 5, 100):
        parts = (array[first : first + size] for first in range(0, len(array), size))
        assert write_blocks(tmp_path / "a.npy", parts, shape[1:], dtype) == len(array)
        assert (tmp_path / "a.npy").read_bytes() == saved_by_numpy(array)


def test_blocks_may_lie_in_any_order_in_memory_and_have_an_axis_of_one(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).T
    write_blocks(tmp_path / "a.npy", [array, array], (3, 2))
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.concatenate([array, array]))
    write_blocks(tmp_path / "b.npy", [array[..., None]], (3, 2))
    assert np.array_equal(np.load(tmp_path / "b.npy"), array)


@pytest.mark.parametrize("size", [1, 24, 50, 10_000])
def test_a_source_is_read_in_blocks_of_that_size(tmp_path, monkeypatch, size):
    monkeypatch.setattr(npy_writer, "BYTES", size)
    array = np.arange(20 * 6, dtype=np.uint16).reshape(20, 2, 3)
    np.save(tmp_path / "a.npy", array)
    source = ArrayFile(tmp_path / "a.npy", partial(np.load, mmap_mode="r"))
    read = list(source.blocks(3, 17))
    assert np.array_equal(np.concatenate(read), array[3:17])
    assert max(block.nbytes for block in read) <= max(size, 12)
    assert {len(block) for block in read[:-1]} <= {rows_in_block((2, 3), 2)}
    assert list(source.blocks(3, 3)) == []
