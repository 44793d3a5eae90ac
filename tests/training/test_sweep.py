import csv
import shutil

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ae_lightning.config.classifiers import Classifier, Run
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.classifier import ClassifierCheckpoint
from ae_lightning.nn.stack import chain_specs
from ae_lightning.training import sweep as sweeps
from ae_lightning.training.run_record import read_epochs
from ae_lightning.training.supervised import Consistency, Supervision
from ae_lightning.training.sweep import Sweep
from tests.conftest import bars
from tests.training.conftest import ENVIRONMENT

TRAIN = {"batch_size": 16, "draws": 48, "epochs": 6, "learning_rate": 0.01}
FAINT = 0.2


def below():
    torch.manual_seed(0)
    specs = chain_specs(64, (12, 8), hidden="gelu", code="gelu", output="sigmoid")
    return checkpoint.build(specs)


def sweep(tiny, tmp_path, **changes):
    settings = {"data": "tiny", "input": "layers/x", "labels": [8], "seeds": 1, "train": TRAIN}
    classifier = Classifier.model_validate(settings | changes)
    return Sweep("judge", classifier, below(), tiny, ENVIRONMENT, resume=tmp_path / "resume")


def run(one, tmp_path):
    """Train everything; what is stored, and the epochs without their seconds."""
    runs = [*one.train()]
    folder, curve = tmp_path / "model", tmp_path / "curve.csv"
    one.finish(folder, curve)
    epochs = {
        key: [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
        for key, rows in read_epochs(curve).items()
    }
    assert [key for key, _ in runs] == [*epochs]
    return ClassifierCheckpoint.open(folder), epochs


def weights(stored, name):
    return {key: value.clone() for key, value in stored.load(name).state_dict().items()}


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def test_it_learns_bars_from_few_labels(tiny, tmp_path):
    settings = {"labels": [12, "all"], "seeds_of_all": 1, "train": TRAIN | {"epochs": 20}}
    stored, epochs = run(sweep(tiny, tmp_path, **settings), tmp_path)
    images = torch.from_numpy(np.array(tiny.inputs("test"))).flatten(1) / 255
    for name in ("pretrained-12-0", "random-all-0"):
        said = stored.load(name)(images).argmax(1)
        assert (said.numpy() == tiny.labels("test")).mean() > 0.9, name
    assert all(
        ("val/error" in row) == (key.labels == "all") for key in epochs for row in epochs[key]
    )
    assert epochs[Run("random", "all", 0)][-1]["val/error"] < 0.1
    assert stored.best == "pretrained-all-0"
    assert not list((tmp_path / "resume").iterdir())


def test_starts_begin_where_they_should(tiny, tmp_path):
    one = sweep(tiny, tmp_path)
    x = torch.rand(5, 64)
    pretrained, frozen, random = (
        one.start(Run(s, 8, 3)) for s in ("pretrained", "frozen", "random")
    )
    assert torch.equal(pretrained.code(x), below().encode(x))
    assert torch.equal(frozen(x), pretrained(x))
    assert not torch.equal(random.code(x), pretrained.code(x))
    again, other = one.start(Run("random", 8, 3)), one.start(Run("random", 8, 4))
    assert torch.equal(random(x), again(x))
    assert not torch.equal(random.code(x), other.code(x))


def test_frozen_layers_do_not_move_and_others_do(tiny, tmp_path):
    stored, _ = run(sweep(tiny, tmp_path), tmp_path)
    before = {f"stack.{key}": value for key, value in below().state_dict().items()}
    frozen, pretrained = (weights(stored, f"{start}-8-0") for start in ("frozen", "pretrained"))
    assert same(before, frozen)
    for key, value in before.items():
        assert torch.equal(value, pretrained[key]) == ("decoder" in key), key


def test_the_same_seed_gives_the_same_figures_and_another_one_others(tiny, tmp_path):
    settings = {"seeds": 2, "moves": {"shift": 1}, "dropout": 0.2, "starts": ["random"]}
    first, curves = run(sweep(tiny, tmp_path, **settings), tmp_path / "a")
    torch.rand(5)  # where the global generator stands must not matter
    second, again = run(sweep(tiny, tmp_path, **settings), tmp_path / "b")
    assert curves == again
    assert same(weights(first, "random-8-1"), weights(second, "random-8-1"))
    assert not same(weights(first, "random-8-0"), weights(first, "random-8-1"))


class Killed(BaseException):
    """As if the process had gone."""


@pytest.mark.parametrize(
    "unlabelled", [None, {"confidence": 0.3, "reconstruction": 0.5, "corruption": {"mask": 0.3}}]
)
@pytest.mark.parametrize("killed_at", [5, 33])
def test_a_killed_sweep_goes_on_to_the_same_bits(
    tiny, tmp_path, monkeypatch, killed_at, unlabelled
):
    monkeypatch.setattr(sweeps, "SECONDS", 0.0)
    settings = {"starts": ["pretrained", "random"], "moves": {"shift": 1}, "unlabelled": unlabelled}
    undisturbed, curves = run(sweep(tiny, tmp_path / "other", **settings), tmp_path / "a")
    module = Consistency if unlabelled else Supervision
    original, steps = module.training_step, []

    def dies(self, batch):
        steps.append(1)
        if len(steps) == killed_at:
            raise Killed
        return original(self, batch)

    monkeypatch.setattr(module, "training_step", dies)
    with pytest.raises(Killed):
        run(sweep(tiny, tmp_path, **settings), tmp_path / "b")
    found, again = run(sweep(tiny, tmp_path, **settings), tmp_path / "b")
    per_epoch = 6 if unlabelled else 3
    lost = (killed_at - 1) % per_epoch + 1  # the steps of the epoch in which it was killed
    assert len(steps) == 2 * 6 * per_epoch + lost
    assert curves == again
    for name in ("pretrained-8-0", "random-8-0"):
        assert same(weights(undisturbed, name), weights(found, name))


def test_a_run_that_diverges_is_one_line(tiny, tmp_path):
    train = TRAIN | {"optimizer": "sgd", "learning_rate": 1e30}
    with pytest.raises(
        UserError, match="judge pretrained-8-0: epoch 1: loss must be finite, found"
    ):
        run(sweep(tiny, tmp_path, train=train), tmp_path)


def test_images_without_labels_are_refused(tiny, tmp_path):
    (tiny.folder / "meta.json").write_text('{"kind": "idx", "shape": [8, 8], "classes": []}')
    bare = type(tiny).open(tiny.folder)
    with pytest.raises(
        UserError, match=r"classifiers\.judge\.data: must have at least two classes"
    ):
        sweep(bare, tmp_path)


def test_epochs_come_back_as_they_were_written(tiny, tmp_path):
    run(sweep(tiny, tmp_path, labels=[8, "all"], seeds_of_all=1), tmp_path)
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    assert len(rows) == 2 * 3 * 6
    assert {row["labels"] for row in rows} == {"8", "all"}
    assert all(bool(row["val/error"]) == (row["labels"] == "all") for row in rows)


def test_unlabelled_images_help_where_labels_are_few(tiny, tmp_path):
    """Bars so faint that one labelled image of each place says little."""
    images, labels = bars(400, seed=0)
    faint = images * FAINT + np.random.default_rng(5).integers(0, 120, images.shape)
    np.save(tiny.folder / "train_inputs.npy", faint.astype(np.uint8))
    np.save(tiny.folder / "train_labels.npy", labels)
    errors = {}
    for name, unlabelled in {"alone": None, "with": {"confidence": 0.8, "decay": 0.9}}.items():
        settings = {"labels": [4], "seeds": 3, "starts": ["random"], "unlabelled": unlabelled}
        train = TRAIN | {"draws": 96, "epochs": 10}
        stored, _ = run(sweep(tiny, tmp_path / name, train=train, **settings), tmp_path / name)
        x = torch.from_numpy(np.load(tiny.folder / "train_inputs.npy")).flatten(1) / 255
        said = [stored.load(run)(x).argmax(1).numpy() for run in stored.runs]
        errors[name] = np.mean([answer != labels for answer in said])
    assert errors["with"] < errors["alone"] - 0.05, errors


def consistency(**changes):
    options = {"starts": ["random"], "unlabelled": {"confidence": 0.6} | changes}
    settings = Classifier.model_validate({"data": "tiny", "input": "layers/x"} | options)
    torch.manual_seed(1)
    return Consistency(sweeps.nets.Classifier(below(), 3), settings, seed=0)


def test_only_what_the_teacher_is_sure_of_counts():
    module = consistency()
    answers = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]])
    logits = torch.randn(3, 3)
    by_hand = F.log_softmax(logits, 1)
    expected = -(by_hand[0, 0] + by_hand[2, 2]) / 3
    assert float(module.pseudo_labelled_loss(logits, answers)) == pytest.approx(float(expected))


def test_answers_are_divided_by_how_often_they_are_given():
    module = consistency()
    module.usual.copy_(torch.tensor([0.5, 0.25, 0.25]))
    x = torch.rand(6, 64)
    said = F.softmax(module.teacher.eval()(x), 1)
    usual = 0.99 * torch.tensor([0.5, 0.25, 0.25]) + 0.01 * said.mean(0)
    expected = said / usual / (said / usual).sum(1, keepdim=True)
    assert torch.allclose(module.answers(x), expected, atol=1e-6)
    assert torch.allclose(module.usual, usual)


def test_the_teacher_is_a_mean_of_the_weights_over_steps():
    module = consistency(decay=0.5)
    before = module.teacher.head.weight.clone()
    with torch.no_grad():
        module.classifier.head.weight.add_(1.0)
    module.on_train_batch_end()
    assert torch.allclose(module.teacher.head.weight, before + 0.9)  # at first it follows quickly
    for _ in range(20):
        module.on_train_batch_end()
    assert torch.allclose(module.teacher.head.weight, before + 1, atol=1e-4)


def test_the_decoder_learns_only_if_it_is_asked():
    for weight in (0.0, 1.0):
        module = consistency(reconstruction=weight)
        learned = {name for name, p in module.classifier.named_parameters() if p.requires_grad}
        assert any("decoder" in name for name in learned) == bool(weight)
        assert not any(p.requires_grad for p in module.teacher.parameters())


@pytest.mark.parametrize("file", ["weights.safetensors", "epochs.csv", "sha256", None])
def test_an_ended_run_that_is_damaged_is_taught_again(tiny, tmp_path, capsys, file):
    settings = {"starts": ["pretrained", "random"]}
    undisturbed, curves = run(sweep(tiny, tmp_path / "other", **settings), tmp_path / "a")
    one = sweep(tiny, tmp_path, **settings)
    next(one.train())  # the first run has ended, then the process is gone
    (kept,) = (tmp_path / "resume").glob("*/pretrained-8-0")
    if file is None:
        shutil.rmtree(kept)
        kept.write_text("another kind of file")
    else:
        content = bytearray((kept / file).read_bytes())
        content[-9] ^= 1
        (kept / file).write_bytes(content)
    found, again = run(sweep(tiny, tmp_path, **settings), tmp_path / "b")
    assert f"{kept}: damaged; it is removed" in capsys.readouterr().err
    assert curves == again
    for name in ("pretrained-8-0", "random-8-0"):
        assert same(weights(undisturbed, name), weights(found, name))
