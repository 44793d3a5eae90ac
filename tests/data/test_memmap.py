import pickle

import numpy as np
import pytest

from ae_lightning.data.memmap import MemmapLocation, shared_array
from ae_lightning.errors import UserError


def test_a_mapped_array_is_sent_by_its_place(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (50, 100, 100), np.uint8)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    sent = pickle.dumps(MemmapLocation.of(mapped))
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).opened(), array)


def test_a_part_of_an_array_or_one_in_memory_is_sent_as_it_is(tmp_path):
    array = np.arange(20.0)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    for part in (array, mapped[5:], mapped[::2], mapped.reshape(4, 5)):
        assert MemmapLocation.of(part) is part


def test_a_shared_array_keeps_what_is_written_and_leaves_no_file(tmp_path):
    array = shared_array((3, 4), tmp_path / "resume")
    assert list((tmp_path / "resume").iterdir()) == []
    array[:] = np.arange(12).reshape(3, 4)
    assert array.dtype == np.float32
    assert array.sum() == 66


def test_a_full_disk_gets_one_line_and_leaves_no_file(tmp_path):
    with pytest.raises(UserError, match="must have room for") as caught:
        shared_array((2**50, 100), tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
