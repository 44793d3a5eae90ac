import csv

import numpy as np
import pytest
import torch

from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training.fit import fit
from ae_lightning.training.module import Reconstruction
from tests.damage import flipped
from tests.test_files import disk_full_after

EPOCHS, STEPS = 4, 3  # 96 examples in batches of 32


class Killed(BaseException):
    """As if the process had gone."""


def train(data, how, seed=0):
    """Train from the same first weights; returns the last ones and the curve without seconds."""
    torch.manual_seed(seed)
    specs = chain_specs(64, (6, 2), hidden="gelu", code="linear", output="sigmoid")
    stack = checkpoint.build(specs)
    torch.rand(seed + 7)  # where the global generator stands must not matter
    fit(stack, data.inputs("train"), data.inputs("validation"), how)
    with how.curve.open(newline="") as file:
        rows = list(csv.DictReader(file))
    weights = torch.cat([value.flatten() for value in stack.state_dict().values()])
    return weights, [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def train_until(step, data, how, monkeypatch, seed=0):
    """The same training, killed in the middle of its ``step``-th batch; returns batches seen."""
    seen = []

    def dies(self, batch):
        seen.append(batch)
        if len(seen) == step:
            raise Killed
        return original(self, batch)

    original = Reconstruction.training_step
    with monkeypatch.context() as patch:
        patch.setattr(Reconstruction, "training_step", dies)
        with pytest.raises(Killed):
            train(data, how, seed)
    return seen


def steps_taken(monkeypatch, run):
    """Result of ``run()`` and how many training batches it took."""
    taken, original = [], Reconstruction.training_step

    def counted(self, batch):
        taken.append(len(batch))
        return original(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Reconstruction, "training_step", counted)
        return run(), len(taken)


def checkpoints(folder):
    return sorted(folder.rglob("*.ckpt"))


@pytest.mark.parametrize(
    ("options", "killed_at"),
    [
        ({"optimizer": "muon", "shift": 1}, STEPS + 1),
        ({"optimizer": "adamw", "shift": 1, "patience": 3}, 2 * STEPS + 2),
    ],
)
def test_a_killed_training_ends_as_an_undisturbed_one(
    tiny, how, tmp_path, monkeypatch, options, killed_at
):
    options["epochs"] = EPOCHS
    undisturbed = train(tiny, how(**options, resume=tmp_path / "other"))
    (tmp_path / "curve.csv").unlink()

    settings = how(**options)
    train_until(killed_at, tiny, settings, monkeypatch)
    assert not settings.curve.exists()
    assert len(checkpoints(settings.resume)) == 1
    resumed, steps = steps_taken(monkeypatch, lambda: train(tiny, settings))

    whole_epochs = (killed_at - 1) // STEPS
    assert steps == (EPOCHS - whole_epochs) * STEPS  # it did go on, not begin again
    assert torch.equal(resumed[0], undisturbed[0])
    assert resumed[1] == undisturbed[1]
    assert list(settings.resume.rglob("*")) == []


def test_a_training_may_be_killed_twice(tiny, how, tmp_path, monkeypatch):
    undisturbed = train(tiny, how(epochs=EPOCHS, resume=tmp_path / "other"))
    settings = how(epochs=EPOCHS)
    for step in (STEPS + 2, STEPS + 1):  # in the second epoch, then in the third
        train_until(step, tiny, settings, monkeypatch)
    resumed, steps = steps_taken(monkeypatch, lambda: train(tiny, settings))
    assert steps == 2 * STEPS
    assert torch.equal(resumed[0], undisturbed[0])
    assert resumed[1] == undisturbed[1]


@pytest.mark.parametrize(
    "other",
    [{"learning_rate": 0.03}, {"l1": 0.1}, "weights"],
)
def test_another_training_begins_anew(tiny, how, monkeypatch, other):
    settings = how(epochs=2)
    train_until(STEPS + 1, tiny, settings, monkeypatch)
    (left,) = checkpoints(settings.resume)

    changes = {} if other == "weights" else other
    seed = 5 if other == "weights" else 0
    again = how(**({"epochs": 2} | changes))
    _, steps = steps_taken(monkeypatch, lambda: train(tiny, again, seed))
    assert steps == again.training.epochs * STEPS
    assert checkpoints(settings.resume) == [left]  # that one may still go on


def test_other_data_begin_anew(tiny, how, monkeypatch):
    settings = how(epochs=2)
    train_until(STEPS + 1, tiny, settings, monkeypatch)
    images = tiny.inputs("train").copy()
    images[0, 0, 0] ^= 1
    np.save(tiny.folder / "train_inputs.npy", images)
    _, steps = steps_taken(monkeypatch, lambda: train(tiny, settings))
    assert steps == 2 * STEPS


def low_bits(content):
    """Forty low bits of numbers all over the file."""
    places = (len(content) * k // 40 & ~3 | 1 for k in range(1, 40))
    return flipped(content, [8 * place + 6 for place in places])


@pytest.mark.parametrize(
    "damage",
    [
        low_bits,
        lambda content: flipped(content, [8 * (len(content) // 2)]),
        lambda content: flipped(content, [8 * len(content) - 1]),
        lambda content: content[: len(content) // 2],
        lambda content: content[:-32],  # as torch.save leaves it, without its digest
        lambda content: content + b"\0",
        lambda content: b"",
        lambda content: b"PK\x03\x04" + bytes(500),
        lambda content: content[:1000] + bytes(len(content) - 1000),
    ],
)
def test_a_training_whose_resume_point_is_damaged_begins_anew(
    tiny, how, tmp_path, monkeypatch, capsys, damage
):
    undisturbed = train(tiny, how(epochs=2, resume=tmp_path / "other"))
    settings = how(epochs=2)
    train_until(STEPS + 1, tiny, settings, monkeypatch)
    (point,) = checkpoints(settings.resume)
    point.write_bytes(damage(point.read_bytes()))
    (again, curve), steps = steps_taken(monkeypatch, lambda: train(tiny, settings))
    assert steps == 2 * STEPS
    assert torch.equal(again, undisturbed[0])
    assert curve == undisturbed[1]
    told = f"{point}: damaged; it is removed and the training begins anew"
    assert capsys.readouterr().err.splitlines().count(told) == 1
    assert list(settings.resume.rglob("*")) == []


def test_a_full_disk_at_a_resume_point_is_one_line_and_keeps_the_last_one(tiny, how, monkeypatch):
    settings = how(epochs=4)
    train_until(STEPS + 1, tiny, settings, monkeypatch)
    (point,) = checkpoints(settings.resume)
    before = point.read_bytes()
    with disk_full_after(4096), pytest.raises(UserError) as caught:
        train(tiny, settings)
    assert str(caught.value).startswith(f"{point}: cannot be written (File too large); make room")
    assert point.read_bytes() == before
    assert checkpoints(settings.resume) == [point]
