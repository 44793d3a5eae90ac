from collections import Counter

import numpy as np
import pytest
import torch

from ae_lightning.config.classifiers import Classifier, Run
from ae_lightning.data.labelled import LabelledData, RepeatedDataset, balanced_subset
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.errors import UserError

LABELS = np.random.default_rng(0).integers(0, 4, 400)


@pytest.mark.parametrize(("number", "counts"), [(40, {10}), (42, {10, 11}), (3, {0, 1})])
def test_a_subset_is_balanced(number, counts):
    places = balanced_subset(LABELS, number, seed=1)
    assert len(set(places)) == number
    found = Counter(LABELS[places].tolist())
    assert {found[label] for label in range(4)} == counts


def test_a_subset_is_fixed_by_its_seed_and_part_of_larger_ones():
    small, again = (balanced_subset(LABELS, 40, seed=2) for _ in range(2))
    np.testing.assert_array_equal(small, again)
    assert set(small) < set(balanced_subset(LABELS, 100, seed=2))
    assert set(small) != set(balanced_subset(LABELS, 40, seed=3))


def test_too_many_labels_are_told():
    with pytest.raises(ValueError, match="must find 200 labelled images of each class for 800"):
        balanced_subset(LABELS, 800, seed=0)


def settings(**changes):
    return Classifier.model_validate(
        {"data": "tiny", "input": "layers/x", "train": {"batch_size": 8, "draws": 30}} | changes
    )


def of(tiny, number, seed=0, **changes):
    return LabelledData(settings(**changes), Run("random", number, seed), tiny, limit_mb=100)


def test_few_labelled_images_come_several_times(tiny):
    data = of(tiny, 12)
    assert len(data.labelled) == 36  # 12 images thrice, as 30 are to be drawn
    shown = [one for batch in data.train_dataloader() for one in batch[0]["labelled"][1]]
    assert len(shown) == 32  # whole batches
    assert len(of(tiny, "all").labelled) == 96


def test_images_and_labels_stay_together(tiny):
    data = of(tiny, 12, seed=4)
    known = {
        image.tobytes(): label
        for image, label in zip(tiny.inputs("train"), tiny.labels("train"), strict=True)
    }
    for batch in data.train_dataloader():
        for image, label in zip(*batch[0]["labelled"], strict=True):
            assert known[image.numpy().tobytes()] == label


def test_few_labels_have_no_validation_and_nobody_reads_the_test_part(tiny, monkeypatch):
    asked = set()
    for what in ("inputs", "labels"):
        original = getattr(PreparedDataset, what)

        def read(self, split, original=original):
            asked.add(split)
            return original(self, split)

        monkeypatch.setattr(PreparedDataset, what, read)
    assert of(tiny, 12).val_dataloader() == []
    assert asked == {"train"}
    images, labels = next(iter(of(tiny, "all").val_dataloader()))
    assert len(images) == len(labels) == 8
    assert asked == {"train", "validation"}


def test_unlabelled_images_are_all_of_the_training_part(tiny):
    data = of(tiny, 12, starts=["random"], unlabelled={})
    batches = [batch for batch, *_ in data.train_dataloader()]
    assert len(batches) == 12
    shown = {image.numpy().tobytes() for batch in batches for image in batch["unlabelled"]}
    assert shown == {image.tobytes() for image in tiny.inputs("train")}
    assert {len(batch["labelled"][0]) for batch in batches} == {8}


def test_only_training_images_are_moved(tiny):
    moves = {"shift": 2, "rotate": 20}
    data = of(tiny, 12, starts=["random"], moves=moves, unlabelled={"moves": moves})
    images = torch.from_numpy(np.array(tiny.inputs("train")[:8]))
    labels = torch.zeros(8)
    ready = data.on_after_batch_transfer({"labelled": (images, labels), "unlabelled": images}, 0)
    assert not torch.equal(ready["labelled"][0], to_unit(images))
    assert torch.equal(ready["unlabelled"].clean, to_unit(images))
    assert not torch.equal(ready["unlabelled"].copies, to_unit(images))
    assert torch.equal(data.on_after_batch_transfer((images, labels), 0)[0], to_unit(images))


def test_too_few_labelled_images_are_one_line(tiny):
    with pytest.raises(UserError, match=r"classifiers: labels: must find 25 labelled"):
        of(tiny, 100)


def test_repeated_images_begin_again():
    images = torch.arange(6, dtype=torch.uint8).view(3, 2)
    some, labels = RepeatedDataset(images, torch.tensor([5, 6, 7]), times=2)[
        torch.tensor([1, 4, 5])
    ]
    assert labels.tolist() == [6, 6, 7]
    assert some.tolist() == [[2, 3], [2, 3], [4, 5]]
