from itertools import chain

import pytest

from ae_lightning.data.sampler import BatchIndices, in_memory, in_order
from ae_lightning.errors import UserError


def shares(size, batch_size, ranks):
    indices = [in_order(size, batch_size, rank, ranks) for rank in range(ranks)]
    assert len({len(each) for each in indices}) == 1
    return [[batch.tolist() for batch in each] for each in indices]


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [5, 12, 13, 20, 21, 23])
def test_every_example_is_in_one_share_and_no_share_of_a_batch_is_empty(size, ranks):
    found = shares(size, 6, ranks)
    assert sorted(chain(*chain(*found))) == list(range(size))
    assert all(map(all, found))  # a mean over nothing is no number
    assert len({len(share) for share in found}) == 1  # as many batches for each rank


def test_one_process_has_the_batches_it_asked_for():
    assert shares(13, 6, 1) == [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12]]]


def test_fewer_examples_than_processes_get_one_line():
    for make in (
        lambda: in_order(3, 10, 0, 4),
        lambda: BatchIndices(100, 12, shuffle=True, ranks=4, parts=4),
    ):
        with pytest.raises(UserError, match="AE_DEVICES: 4 processes need") as caught:
            make()
        assert "\n" not in str(caught.value)


def test_several_processes_read_what_is_on_disk(tiny, monkeypatch):
    array = tiny.inputs("train")
    assert in_memory(array, 1) is not array
    monkeypatch.setattr("ae_lightning.distributed.process_group.world_size", lambda: 2)
    assert in_memory(array, 1) is array
