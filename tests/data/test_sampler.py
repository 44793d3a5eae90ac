from itertools import chain

import numpy as np
import pytest
import torch

from ae_lightning.data.datamodule import ReconstructionData
from ae_lightning.data.images.augment import shift
from ae_lightning.data.sampler import BatchIndices, Examples, epoch_seed, in_memory, loader, to_unit


def epoch(indices, number=0):
    indices.set_epoch(number)
    return [batch.tolist() for batch in indices]


def test_a_shuffled_epoch_has_every_example_once():
    indices = BatchIndices(12, 4, shuffle=True, seed=3)
    for number in range(3):
        found = epoch(indices, number)
        assert [len(batch) for batch in found] == [4, 4, 4] == [4] * len(indices)
        assert sorted(chain(*found)) == list(range(12))


def test_batches_hold_examples_of_like_length():
    lengths = np.random.default_rng(0).permutation(60)
    indices = BatchIndices(60, 10, shuffle=True, lengths=lengths)
    batches = [batch.tolist() for batch in indices]
    assert sorted(example for batch in batches for example in batch) == list(range(60))
    spans = [sorted(lengths[batch]) for batch in batches]
    assert all(span == list(range(span[0], span[0] + 10)) for span in spans)
    assert [span[0] for span in spans] != sorted(span[0] for span in spans)
    indices.set_epoch(1)
    assert [batch.tolist() for batch in indices] != batches


def test_the_order_depends_on_seed_and_epoch_alone():
    first = epoch(BatchIndices(12, 4, shuffle=True, seed=3), 2)
    torch.manual_seed(99)
    indices = BatchIndices(12, 4, shuffle=True, seed=3)
    orders = [epoch(indices, number) for number in range(4)]
    assert orders[2] == first
    assert epoch(indices, 2) == first
    orders += [epoch(BatchIndices(12, 4, shuffle=True, seed=seed), 2) for seed in (0, 1, 2)]
    assert len({str(order) for order in orders}) == len(orders)


def test_seeds_of_many_epochs_do_not_meet():
    seeds = {epoch_seed(seed, number) for seed in range(20) for number in range(500)}
    assert len(seeds) == 20 * 500


def test_an_incomplete_batch_is_dropped_by_shuffling_and_kept_in_order():
    found = epoch(BatchIndices(11, 4, shuffle=True))
    assert [len(batch) for batch in found] == [4, 4]
    assert len(set(chain(*found))) == 8
    in_order = BatchIndices(11, 4)
    assert epoch(in_order) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert len(in_order) == 3


def test_a_batch_larger_than_the_data_is_all_of_it():
    assert sorted(epoch(BatchIndices(5, 100, shuffle=True))[0]) == list(range(5))


@pytest.mark.parametrize("shuffle", [False, True])
def test_ranks_share_out_each_batch(shuffle):
    options = {"shuffle": shuffle, "seed": 1}
    whole = epoch(BatchIndices(20, 6, **options), 5)
    parts = [epoch(BatchIndices(20, 6, rank=rank, ranks=3, **options), 5) for rank in range(3)]
    assert len({len(part) for part in parts}) == 1
    for number, batch in enumerate(whole):
        shares = [part[number] for part in parts]
        assert sorted(chain(*shares)) == sorted(batch)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_memory_mapped_array_gives_the_same_batches(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (10, 3, 2)).astype(np.uint8)
    np.save(tmp_path / "a.npy", array)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    memory = in_memory(mapped, limit_mb=1)
    assert isinstance(memory, torch.Tensor)
    chosen = torch.tensor([7, 2, 9, 0])
    for source in (mapped, memory):
        assert Examples(source)[chosen].numpy().tolist() == array[[7, 2, 9, 0]].tolist()
    loaders = [loader(a, BatchIndices(10, 4, shuffle=True, seed=1)) for a in (mapped, memory)]
    for first, second in zip(*loaders, strict=True):
        assert torch.equal(first, second)


def test_an_array_beyond_the_limit_stays_on_disk(tmp_path):
    for rows, is_kept in ((2**20, False), (2**20 + 1, True)):
        np.save(tmp_path / "a.npy", np.zeros((rows, 1), dtype=np.uint8))
        mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
        assert (in_memory(mapped, limit_mb=1) is mapped) is is_kept


def test_bytes_become_numbers_from_zero_to_one():
    every = torch.arange(256, dtype=torch.uint8).reshape(2, 8, 16)
    unit = to_unit(every)
    assert unit.shape == (2, 128)
    assert unit.dtype == torch.float32
    torch.testing.assert_close(unit.flatten(), torch.arange(256) / 255)
    assert unit.max() <= 1
    floats = torch.randn(3, 4)
    assert torch.equal(to_unit(floats), floats)


@pytest.mark.parametrize("pixels", [1, 2])
def test_each_image_is_only_moved_and_zeros_come_in(pixels):
    images = np.random.default_rng(0).integers(1, 256, (400, 3, 4)).astype(np.uint8)
    torch.manual_seed(0)
    moved = shift(torch.from_numpy(images), pixels).numpy()
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels)))
    found = {}
    for number, image in enumerate(moved):
        offsets = [
            (down, right)
            for down in range(2 * pixels + 1)
            for right in range(2 * pixels + 1)
            if np.array_equal(image, padded[number, down : down + 3, right : right + 4])
        ]
        assert len(offsets) == 1
        found[offsets[0]] = found.get(offsets[0], 0) + 1
    places = (2 * pixels + 1) ** 2  # each about 400 / places times, of its own for each image
    assert len(found) == places
    assert max(found.values()) < 3 * 400 / places


def test_a_shift_by_nothing_changes_nothing():
    images = torch.randint(0, 256, (5, 3, 4), dtype=torch.uint8)
    assert torch.equal(shift(images, 0), images)


class Stages:
    """What the data module asks of a trainer."""

    def __init__(self, training, rank=0, ranks=1):
        self.training, self.global_rank, self.world_size = training, rank, ranks


def test_only_training_batches_are_shifted():
    images = torch.randint(1, 256, (64, 4, 4), dtype=torch.uint8)
    data = ReconstructionData(images, images, batch_size=64, shift=1)
    assert torch.equal(data.on_after_batch_transfer(images, 0), to_unit(images))
    data.trainer = Stages(training=False)
    assert torch.equal(data.on_after_batch_transfer(images, 0), to_unit(images))
    data.trainer = Stages(training=True)
    shifted = data.on_after_batch_transfer(images, 0)
    assert shifted.shape == (64, 16)
    assert not torch.equal(shifted, to_unit(images))


def test_loaders_take_their_share_of_a_trainers_ranks():
    array = torch.arange(12, dtype=torch.float32)[:, None]
    shares = []
    for rank in range(2):
        data = ReconstructionData(array, array, batch_size=6, seed=4)
        data.trainer = Stages(training=True, rank=rank, ranks=2)
        assert [batch.flatten().tolist() for batch in data.val_dataloader()] == [
            [rank, rank + 2, rank + 4],
            [rank + 6, rank + 8, rank + 10],
        ]
        shares.append(torch.cat(list(data.train_dataloader())).flatten().tolist())
    assert sorted(shares[0] + shares[1]) == list(range(12))
