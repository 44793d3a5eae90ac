"""Layouts of folders of images as people have them: parts, classes, and what is neither."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.file_tree import printable
from ae_lightning.data.images.folder import list_images, picture_files, split_rows
from ae_lightning.errors import UserError


def images(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (2, 2)).save(root / path, format="png")
    return root


def in_classes(*parts):
    return [f"{part}/{name}/{number}.png" for part in parts for name in "ab" for number in "12"]


TRAIN_AND_TEST = [
    ("train", "test"),
    ("Train", "Test"),
    ("TRAIN", "TEST"),
    ("training", "testing"),
    ("training_set", "test_set"),
    ("train2017", "test2017"),
    ("Train Images", "Test Images"),
    ("trainset", "testset"),
    ("seg_train", "seg_test"),
    ("train", "test1"),
]


@pytest.mark.parametrize(("train", "test"), TRAIN_AND_TEST)
def test_parts_have_many_names(tmp_path, train, test):
    listing = list_images(images(tmp_path, *in_classes(train, test)))
    assert listing.classes == ["a", "b"]
    for part, folder in (("train", train), ("test", test)):
        files = [listing.files[row] for row in listing.parts[part]]
        assert files == in_classes(folder)
    assert set(listing.parts) == {"train", "test"}


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Validation", "val_images", "dev"])
def test_a_validation_part_is_the_validation_split(tmp_path, name):
    listing = list_images(images(tmp_path, *in_classes("train", name, "test")))
    dataset = ImageFolder(kind="folder", path=tmp_path, size=(2, 2))
    rows = split_rows(dataset, listing, "here")
    found = {split: sorted(listing.files[row] for row in drawn) for split, drawn in rows.items()}
    assert found == {
        "train": in_classes("train"),
        "validation": in_classes(name),
        "test": in_classes("test"),
    }


def test_an_empty_validation_part_is_none(tmp_path):
    images(tmp_path, *in_classes("train", "test"))
    (tmp_path / "val").mkdir()
    assert set(list_images(tmp_path).parts) == {"train", "test"}


CLASSES = {
    "plain": (["a/1.png", "b/1.png"], ["a", "b"]),
    "a class of trains": (["train/1.png", "car/1.png", "bus/1.png"], ["bus", "car", "train"]),
    "names that begin so": (["trainer/1.png", "test tube/1.png"], ["test tube", "trainer"]),
    "trains in parts": (
        ["train/train/1.png", "train/car/1.png", "test/train/1.png", "test/car/1.png"],
        ["car", "train"],
    ),
    "helpers": (["a/1.png", "@eaDir/1.png", "__MACOSX/a/._1.png", ".thumbnails/1.png"], ["a"]),
    "helpers in parts": (
        ["train/a/1.png", "train/@eaDir/1.png", "test/a/1.png", "test/.ipynb_checkpoints/1.png"],
        ["a"],
    ),
    "line ends and signs": (["a\nb/1.png", "-x/1.png", " c /1.png"], [" c ", "-x", r"a\nb"]),
    "Latin-1": ([os.fsdecode(b"caf\xe9/1.png"), "b/1.png"], ["b", r"caf\xe9"]),
}


@pytest.mark.parametrize(("paths", "classes"), CLASSES.values(), ids=CLASSES)
def test_other_subfolders_are_classes(tmp_path, paths, classes):
    assert list_images(images(tmp_path, *paths)).classes == classes


REFUSED = {
    "no test": (in_classes("train", "val"), "found train and val; add test, or rename val to test"),
    "no test, valid": (in_classes("Train", "valid"), "add test, or rename valid to test"),
    "no train": (in_classes("val", "test"), "found test and val; add train, or rename"),
    "train alone": (in_classes("train"), "found train in the place of classes"),
    "two of train": (in_classes("train", "train2"), "found train, train2 in the place"),
    "a part in a part": (
        ["train/train/a/1.png", "test/test/a/1.png"],
        "found test, train in the place of classes",
    ),
    "parts in classes": (
        ["a/train/1.png", "a/test/1.png", "b/train/1.png"],
        "must be the topmost subfolders, found a/test and a/train; move them up, or set path to ",
    ),
    "a folder around": (
        [f"animals/{path}" for path in in_classes("train", "test")],
        "found animals/test and animals/train; move them up, or set path to .*/animals",
    ),
    "parts in a class of a part": (
        ["train/a/train/1.png", "train/a/val/1.png", "test/a/1.png"],
        "found train/a/train and train/a/val; move them up",
    ),
    "more beside": (
        [*in_classes("train", "val", "test"), "seg_pred/1.png"],
        "found 1, such as seg",
    ),
    "half labelled": (["train/a/1.png", "test/\n.png"], r"found train/a/1\.png and test/\\n\.png"),
}


@pytest.mark.parametrize(("paths", "said"), REFUSED.values(), ids=REFUSED)
def test_parts_that_would_be_taken_for_classes_are_refused(tmp_path, paths, said):
    with pytest.raises(UserError, match=said) as caught:
        list_images(images(tmp_path, *paths))
    assert len(str(caught.value).splitlines()) == 1


def test_pictures_without_a_suffix_or_with_anothers_are_told_by_their_contents(tmp_path):
    names = ["plain", "a.npy", "b.jpg_large", "c.jpg"]
    images(tmp_path, *names)
    for kind in ("jpeg", "gif", "webp"):
        Image.new("L", (2, 2)).save(tmp_path / f"as {kind}", format=kind)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    expected = sorted([*names, "as gif", "as jpeg", "as webp"])
    assert list_images(tmp_path).files == picture_files(tmp_path) == expected


def test_what_cannot_be_reached_is_listed_and_stops_no_one(tmp_path):
    images(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "c").symlink_to("away")
    (tmp_path / "b/gone.png").symlink_to("away.png")
    (tmp_path / "d").symlink_to("a")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    listing = list_images(tmp_path)
    assert listing.files == ["a/1.png", "b/1.png"]
    assert sorted(listing.left_out) == ["a/pipe.png", "b/gone.png", "c", "d"]
    assert listing.left_out["d"] == "leads to a, which is taken once"
    assert picture_files(tmp_path) == ["a/1.png", "a/pipe.png", "b/1.png", "b/gone.png", "c"]


def test_a_folder_of_broken_links_says_so(tmp_path):
    (tmp_path / "1.png").symlink_to("away")
    with pytest.raises(UserError, match=r"holds no images .*; 1\.png cannot be reached \(No such"):
        list_images(tmp_path)


NAME = st.one_of(
    st.sampled_from(["train", "Test", "val", "training_set", "cat", "dog", "@eaDir", "train\n"]),
    st.binary(min_size=1, max_size=9).map(
        lambda name: os.fsdecode(name.translate(None, b"\0/").lstrip(b".")) or "x"
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.lists(NAME, min_size=1, max_size=4).map(tuple), min_size=1, max_size=6))
def test_any_tree_is_taken_whole_or_refused_in_one_line(tmp_path_factory, paths):
    """Every image has a row in one part, and the class of a folder above it."""
    root, made = tmp_path_factory.mktemp("tree"), []
    for number, folders in enumerate(paths):
        path = Path(*folders[:-1], f"{number}{folders[-1]}.png")
        images(root, path)
        if not any(folder.startswith("@") for folder in folders[:-1]):
            made.append(path.as_posix())
    listing, said = None, "one line"
    try:
        listing = list_images(root)
    except UserError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    if listing is None:
        return
    assert listing.files == sorted(made)
    for file, label in zip(listing.files, listing.labels, strict=True):
        folders = [printable(folder) for folder in file.split("/")[:-1]]
        assert not listing.classes or listing.classes[label] in folders
    if listing.parts is not None:
        rows = np.concatenate([*listing.parts.values()])
        assert sorted(rows) == list(range(len(made)))
