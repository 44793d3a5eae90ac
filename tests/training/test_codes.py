"""Codes that a greedy layer learns from: in memory, or in a file that leaves nothing behind."""

import numpy as np
import pytest
import torch

from ae_lightning.config.layers import Layer
from ae_lightning.data.sampler import to_unit
from ae_lightning.distributed import process_group
from ae_lightning.nn import checkpoint
from ae_lightning.nn.layers.dense import DenseSpec
from ae_lightning.training import codes
from ae_lightning.training.codes import greedy_inputs
from ae_lightning.training.pretrain import pretrain


@pytest.fixture
def below():
    torch.manual_seed(3)
    return checkpoint.build([DenseSpec(inputs=64, units=8, activation="tanh", output="sigmoid")])


@pytest.fixture(autouse=True)
def small_units(monkeypatch):
    """A MiB is a byte here, and a batch of seven leaves one of five."""
    monkeypatch.setattr(codes, "BYTES_PER_MB", 1)
    monkeypatch.setattr(codes, "BATCH", 7)


def test_codes_beyond_the_limit_are_the_same_on_disk(tiny, below, tmp_path):
    array, size = tiny.inputs("train"), 96 * 8 * 4
    with torch.no_grad():
        expected = below.encode(to_unit(torch.from_numpy(array.copy()))).numpy()
    folder = tmp_path / "resume"
    for limit, kind in ((size, torch.Tensor), (size - 1, np.memmap)):
        found = greedy_inputs(below, array, limit, folder)
        assert isinstance(found, kind)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert list(folder.iterdir()) == []  # though it is still in use


def test_each_process_computes_whole_batches_of_its_own(tiny, below, tmp_path, monkeypatch):
    array, parts = tiny.inputs("train"), []
    whole = greedy_inputs(below, array, 0, tmp_path)
    for local in range(3):
        place = process_group.Place(local=local, locals=3)
        monkeypatch.setattr(codes.process_group, "place", lambda place=place: place)
        part = torch.zeros(96, 8)
        codes._encode_into(part, below, array)
        parts.append(part.numpy())
    assert all(part.any() for part in parts)
    assert ((np.stack(parts) != 0).sum(0) <= 1).all()  # nothing is computed twice
    np.testing.assert_array_equal(sum(parts), whole)


def test_a_layer_learns_the_same_from_a_file(tiny, below, how, monkeypatch):
    layer = Layer(data="tiny", input="layers/one", units=4, train=how().training.model_dump())
    stacks = []
    for limit in (10**6, 1):
        monkeypatch.setattr(codes, "BYTES_PER_MB", limit / 4096)  # of AE_MEMORY_LIMIT_MB
        stacks.append(pretrain("two", layer, below, tiny, how(epochs=2)).state_dict())
    assert all(torch.equal(stacks[0][key], stacks[1][key]) for key in stacks[0])
