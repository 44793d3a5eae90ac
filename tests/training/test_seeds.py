import csv

import pytest
import torch

from ae_lightning.config.params import parse
from ae_lightning.training import seeds as repeat_module
from ae_lightning.training.curve import LearningCurve
from ae_lightning.training.seeds import Repeat

TRAIN = {"epochs": 2, "batch_size": 32}
PARAMS = {
    "datasets": {"tiny": {"kind": "idx", "path": "data/tiny"}},
    "layers": {
        "one": {"data": "tiny", "input": "prepared/tiny", "units": 12, "train": TRAIN},
        "two": {"data": "tiny", "input": "layers/one", "units": 3, "train": TRAIN},
    },
    "variants": {"deep": {"data": "tiny", "input": "layers/two", "train": {"batch_size": 32}}},
    "repeats": {"variants": ["deep"], "epochs": 3},
}


@pytest.fixture
def repeated(tiny, how, tmp_path):
    """Repeat ``deep`` from a seed; its stack's weights and its curve's rows."""

    def run(seed):
        curve = tmp_path / f"{seed}.csv"
        where = {"environment": how().environment, "resume": tmp_path / "resume"}
        one = Repeat("deep", seed, parse(PARAMS), tiny, curve=curve, **where)
        weights = torch.cat([value.flatten() for value in one.run().state_dict().values()])
        with curve.open(newline="") as file:
            return weights, list(csv.DictReader(file))

    return run


def test_a_seed_gives_the_same_again_and_another_one_does_not(repeated):
    first, again, other = repeated(0)[0], repeated(0)[0], repeated(1)[0]
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)


def test_the_comparisons_epochs_replace_the_variants(repeated, tmp_path):
    assert [row["epoch"] for row in repeated(0)[1]] == ["1", "2", "3"]
    assert list((tmp_path / "resume").iterdir()) == []


def test_seconds_begin_with_the_pretraining(repeated, monkeypatch):
    pretrain = repeat_module.pretrain

    def slowly(name, layer, below, data, how):
        stack = pretrain(name, layer, below, data, how)
        LearningCurve.read(how.curve).noting(seconds=1000.0).write(how.curve)
        return stack

    monkeypatch.setattr(repeat_module, "pretrain", slowly)
    seconds = [float(row["seconds"]) for row in repeated(0)[1]]
    assert 2000 < seconds[0] < seconds[-1] < 2000 + 60


def test_layers_that_are_done_are_not_trained_again(repeated, monkeypatch):
    undisturbed, trained = repeated(2)[0], []
    pretrain, fitters = repeat_module.pretrain, repeat_module.FITTERS

    def watched(name, *rest):
        trained.append(name)
        return pretrain(name, *rest)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(repeat_module, "pretrain", watched)
    with monkeypatch.context() as patch:
        patch.setattr(repeat_module, "FITTERS", {"autoencoder": killed})
        with pytest.raises(KeyboardInterrupt):
            repeated(2)
    assert repeat_module.FITTERS is fitters
    assert torch.equal(repeated(2)[0], undisturbed)
    assert trained == ["one", "two"]


@pytest.mark.parametrize("file", ["stack/layer-1.safetensors", "curve.csv", "stack/model.json"])
def test_a_layer_that_is_damaged_is_trained_again(repeated, monkeypatch, tmp_path, capsys, file):
    undisturbed = repeated(2)[0]

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(repeat_module, "FITTERS", {"autoencoder": killed})
        with pytest.raises(KeyboardInterrupt):
            repeated(2)
    (layer,) = (tmp_path / "resume").glob("*/two")
    content = bytearray((layer / file).read_bytes())
    content[-3] ^= 2
    (layer / file).write_bytes(content)
    assert torch.equal(repeated(2)[0], undisturbed)
    assert f"{layer}: damaged; it is removed" in capsys.readouterr().err
