import numpy as np
import pytest

from ae_lightning.data.memmap import shared_array
from ae_lightning.errors import UserError


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
