import csv

import lightning
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.data.sampler import to_unit
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.corruption import corrupt
from ae_lightning.nn.penalties import l1
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training.codes import encode, greedy_inputs
from ae_lightning.training.curve import COLUMNS
from ae_lightning.training.fit import fit
from ae_lightning.training.module import Reconstruction


def new_stack(sizes=(6, 2), output="sigmoid", seed=0):
    torch.manual_seed(seed)
    return checkpoint.build(chain_specs(64, sizes, hidden="gelu", code="linear", output=output))


def curve(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in COLUMNS}


def watch(monkeypatch, name):
    """Batches that a step of the module will be given."""
    batches, step = [], getattr(Reconstruction, name)

    def watched(self, batch):
        batches.append(batch.clone())
        return step(self, batch)

    monkeypatch.setattr(Reconstruction, name, watched)
    return batches


@torch.no_grad()
def losses(stack, array):
    """Cross-entropy and squared error per example, by torch's own means."""
    batch = to_unit(torch.from_numpy(np.array(array)))
    output = stack(batch)
    return (F.binary_cross_entropy(output, batch) * 64).item(), (
        F.mse_loss(output, batch) * 64
    ).item()


@pytest.fixture
def trained(tiny, how, tmp_path):
    stack = new_stack()
    untrained = losses(stack, tiny.inputs("validation"))
    fit(stack, tiny.inputs("train"), tiny.inputs("validation"), how(epochs=4, learning_rate=0.1))
    return stack, untrained, curve(tmp_path / "curve.csv")


def test_it_learns(trained, tiny):
    stack, untrained, _ = trained
    entropy, sse = losses(stack, tiny.inputs("validation"))
    assert sse < 0.7 * untrained[1]
    assert entropy < untrained[0]


def test_curves_tell_the_losses_of_every_epoch(trained, tiny, tmp_path):
    stack, _, found = trained
    assert (tmp_path / "curve.csv").read_text().splitlines()[0] == (
        "epoch,seconds,train/loss,val/loss,val/sse"
    )
    assert found["epoch"] == [1, 2, 3, 4]
    assert found["seconds"] == sorted(found["seconds"])
    best = int(np.argmin(found["val/loss"]))
    expected = (found["val/loss"][best], found["val/sse"][best])
    assert losses(stack, tiny.inputs("validation")) == pytest.approx(expected, rel=1e-5)


def test_nothing_is_left_to_go_on_with(trained, tmp_path):
    assert list((tmp_path / "resume").rglob("*")) == []
    assert [path for path in tmp_path.rglob("*") if "partial" in path.name] == []


def test_the_weights_kept_are_the_best_epochs(tiny, how, tmp_path):
    # Validation examples are the negatives of the training ones, so learning makes them worse.
    train = tiny.inputs("train")
    negatives, stack = 255 - train[:24], new_stack()
    options = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "warmup": 0}
    fit(stack, train, negatives, how(epochs=4, schedule="constant", **options))
    found = curve(tmp_path / "curve.csv")
    assert found["val/loss"][-1] > min(found["val/loss"])
    assert losses(stack, negatives)[0] == pytest.approx(min(found["val/loss"]), rel=1e-5)


def test_early_stopping_stops(tiny, how, tmp_path):
    stack = new_stack()
    standing_still = {"optimizer": "sgd", "learning_rate": 1e-30, "patience": 2}
    fit(stack, tiny.inputs("train"), tiny.inputs("validation"), how(epochs=9, **standing_still))
    assert curve(tmp_path / "curve.csv")["epoch"] == [1, 2, 3]
    assert list((tmp_path / "resume").rglob("*")) == []


def test_a_training_that_diverges_gets_one_line(tiny, how, tmp_path):
    options = {"optimizer": "sgd", "learning_rate": 1e30, "warmup": 0, "title": "finetune deep"}
    with pytest.raises(UserError, match="finetune deep: epoch 1: loss must be finite") as caught:
        fit(
            new_stack(output="linear"),
            tiny.inputs("train"),
            tiny.inputs("validation"),
            how(**options),
        )
    assert "\n" not in str(caught.value)
    assert "train.learning_rate" in str(caught.value)
    assert not (tmp_path / "curve.csv").exists()


def test_incomplete_validation_batches_weigh_by_their_size(tiny, how, tmp_path):
    validation = tiny.inputs("validation")[:20]  # a batch of 16 and one of 4
    stack = fit(new_stack(), tiny.inputs("train"), validation, how(epochs=1, batch_size=16))
    found = curve(tmp_path / "curve.csv")
    assert losses(stack, validation) == pytest.approx(
        (found["val/loss"][0], found["val/sse"][0]), rel=1e-5
    )


def test_a_memory_mapped_array_trains_the_same(tiny, how):
    weights = []
    for read in (np.asarray, lambda array: torch.from_numpy(np.array(array))):
        train, validation = (read(tiny.inputs(split)) for split in ("train", "validation"))
        stack = fit(new_stack(), train, validation, how(epochs=2, shift=1))
        weights.append(torch.cat([value.flatten() for value in stack.state_dict().values()]))
    assert torch.equal(*weights)


def test_validation_is_never_moved(tiny, how, monkeypatch):
    seen = {name: watch(monkeypatch, name) for name in ("training_step", "validation_step")}
    fit(new_stack(), tiny.inputs("train"), tiny.inputs("validation"), how(epochs=2, shift=1))
    expected = to_unit(torch.from_numpy(tiny.inputs("validation").copy()))
    for batch in seen["validation_step"]:
        assert torch.equal(batch, expected)
    originals = {row.numpy().tobytes() for row in to_unit(torch.tensor(tiny.inputs("train")))}
    first, second = torch.cat(seen["training_step"]).split(96)
    for pass_ in (first, second):  # one offset in nine leaves an image as it is
        still = sum(row.numpy().tobytes() in originals for row in pass_)
        assert still < 48
    assert sorted(map(bytes, first.numpy())) != sorted(map(bytes, second.numpy()))


def test_penalties_weigh_on_the_code(how):
    stack, batch = new_stack(), torch.rand(5, 64)
    plain = Reconstruction(stack, how(l1=0.0))
    with_l1 = Reconstruction(stack, how(l1=0.25))
    for module in (plain, with_l1):
        module.log = lambda *args, **options: None  # outside of a trainer
    difference = with_l1.training_step(batch) - plain.training_step(batch)
    torch.testing.assert_close(difference, 0.25 * l1(stack.encode(batch)), rtol=1e-4, atol=1e-5)
    assert len(plain.terms) == 1


def test_the_target_of_a_corrupted_input_is_clean(how):
    stack, batch = new_stack(), torch.rand(5, 64)
    module = Reconstruction(stack, how(corruption={"mask": 1.0}))
    module.log = lambda *args, **options: None  # outside of a trainer
    before = batch.clone()
    torch.manual_seed(7)
    loss = module.training_step(batch)
    torch.manual_seed(7)
    spoilt = corrupt(before, {"mask": 1.0})
    assert torch.equal(batch, before)
    assert not torch.equal(spoilt, before)
    expected = F.binary_cross_entropy(stack(spoilt), before) * 64
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


def test_evaluation_never_corrupts(tiny, how, tmp_path):
    noise = {"gaussian": 1.0, "salt-and-pepper": 1.0}
    stack, validation = new_stack(), tiny.inputs("validation")
    fit(stack, tiny.inputs("train"), validation, how(epochs=1, corruption=noise))
    found = curve(tmp_path / "curve.csv")
    assert losses(stack, validation) == pytest.approx(
        (found["val/loss"][0], found["val/sse"][0]), rel=1e-5
    )


def test_a_contractive_training_weighs_the_deep_encoders_jacobian(how):
    stack, batch = new_stack(), torch.rand(5, 64)
    losses = []
    for weight in (0.0, 0.5):
        module = Reconstruction(stack, how(contractive=weight))
        module.log = lambda *args, **options: None  # outside of a trainer
        draws = [module.training_step(batch.clone()).item() for _ in range(400)]
        losses.append(np.mean(draws))
    jacobians = [torch.autograd.functional.jacobian(stack.encode, row[None]) for row in batch]
    exact = np.mean([jacobian.square().sum().item() for jacobian in jacobians])
    assert losses[1] - losses[0] == pytest.approx(0.5 * exact, rel=0.1)


def test_codes_of_an_array_are_those_of_its_examples_in_order(tiny):
    stack, array = new_stack(), tiny.inputs("train")
    with torch.no_grad():
        expected = stack.encode(to_unit(torch.from_numpy(array.copy())))
    torch.testing.assert_close(encode(stack, array, batch_size=7), expected)
    torch.testing.assert_close(greedy_inputs(stack, array), expected)
    assert not greedy_inputs(stack, array).is_inference()  # so that a layer can learn from it
    assert greedy_inputs(checkpoint.build([]), array) is array


def test_the_last_epoch_writes_no_resume_point(tiny, how, monkeypatch):
    saved = []
    write = lightning.Trainer.save_checkpoint
    monkeypatch.setattr(
        lightning.Trainer,
        "save_checkpoint",
        lambda self, *args: (saved.append(self.current_epoch), write(self, *args)),
    )
    fit(new_stack(), tiny.inputs("train"), tiny.inputs("validation"), how(epochs=3))
    assert saved == [0, 1]
