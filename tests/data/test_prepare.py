import json
import struct
from pathlib import Path

import numpy as np
import pytest

from ae_lightning.data import prepare
from ae_lightning.data.prepared import Prepared
from ae_lightning.datasets import Images
from ae_lightning.errors import UserError


def idx_bytes(array):
    """IDX of unsigned bytes by its specification: magic, big-endian sizes, the bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def raw(tmp_path):
    """A folder with 12 training and 5 test images of 3 by 2 as IDX, and the arrays in it."""
    random, folder = np.random.default_rng(0), tmp_path / "raw"
    folder.mkdir()
    arrays = {}
    for split, count in (("train", 12), ("test", 5)):
        images = random.integers(0, 256, (count, 3, 2)).astype(np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        for name, array in zip(prepare.IDX_FILES[split], (images, labels), strict=True):
            (folder / name).write_bytes(idx_bytes(array))
        arrays |= {f"{split}_inputs": images, f"{split}_labels": labels}
    return folder, arrays


def dataset(folder, **options):
    return Images(kind="idx", path=folder, **{"validation": 4, **options})


@pytest.mark.parametrize("shape", [(7,), (2, 3), (300, 2, 3), (2, 3, 2, 2)])
def test_idx_is_read_as_it_was_written(tmp_path, shape):
    array = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    (tmp_path / "a").write_bytes(idx_bytes(array))
    read = prepare.read_idx(tmp_path / "a")
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


GOOD = idx_bytes(np.arange(6, dtype=np.uint8).reshape(3, 2))
BROKEN = {
    "gzip": b"\x1f\x8b\x08" + GOOD,
    "magic": b"\x00\x01" + GOOD[2:],
    "type": GOOD[:2] + b"\x0d" + GOOD[3:],
    "too long": GOOD + b"\x00",
    **{f"first {size} bytes": GOOD[:size] for size in range(len(GOOD))},
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_idx_file_gets_one_line(tmp_path, content):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        prepare.read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=f"not found; run: ae fetch {tmp_path.name}"):
        prepare.read_idx(tmp_path / "images")


def test_the_last_training_examples_are_set_aside(raw, tmp_path):
    folder, arrays = raw
    prepare.prepare("digits", dataset(folder), tmp_path / "out")
    data = Prepared.open(tmp_path / "out")
    assert data.shape == (3, 2)
    assert data.features == 6
    assert data.classes == ("0", "1", "2", "3")
    for part, read in (("inputs", data.inputs), ("labels", data.labels)):
        assert np.array_equal(read("train"), arrays[f"train_{part}"][:8])
        assert np.array_equal(read("validation"), arrays[f"train_{part}"][8:])
        assert np.array_equal(read("test"), arrays[f"test_{part}"])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "meta.json",
        *(f"{s}_{p}.npy" for s in ("test", "train", "validation") for p in ("inputs", "labels")),
    ]
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["kind"] == "idx"


def test_limit_keeps_the_first_of_each_part(raw, tmp_path):
    folder, arrays = raw
    prepare.prepare("digits", dataset(folder, limit=3), tmp_path / "out")
    data = Prepared.open(tmp_path / "out")
    assert np.array_equal(data.inputs("train"), arrays["train_inputs"][:3])
    assert np.array_equal(data.inputs("validation"), arrays["train_inputs"][8:11])
    assert np.array_equal(data.labels("test"), arrays["test_labels"][:3])


def cut_labels(folder):
    (folder / prepare.IDX_FILES["train"][1]).write_bytes(idx_bytes(np.zeros(11, np.uint8)))
    return {}


def cut_images(folder):
    path = folder / prepare.IDX_FILES["test"][0]
    path.write_bytes(path.read_bytes()[:-1])
    return {}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_labels, "12 images and 11 labels in train"),
        (cut_images, "header promises"),
        (lambda folder: {"validation": 12}, r"datasets\.digits\.validation: .* 12 of 12"),
        (lambda folder: {"validation": 99}, r"datasets\.digits\.validation: .* 99 of 12"),
    ],
)
def test_a_failure_leaves_what_was_there(raw, tmp_path, spoil, said):
    folder, out = raw[0], tmp_path / "artifacts" / "out"
    prepare.prepare("digits", dataset(folder), out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    options = spoil(folder)
    for place in (out, out.with_name("never")):
        with pytest.raises(UserError, match=said) as caught:
            prepare.prepare("digits", dataset(folder, **options), place)
        assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert list(out.parent.iterdir()) == [out]


def test_a_failure_to_write_leaves_nothing(raw, tmp_path, monkeypatch):
    written = []

    def save(path, array):
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_bytes(b"half")

    monkeypatch.setattr(np, "save", save)
    out = tmp_path / "artifacts" / "out"
    with pytest.raises(OSError, match="No space"):
        prepare.prepare("digits", dataset(raw[0]), out)
    assert len(written) == 3
    assert list(out.parent.iterdir()) == []


def test_pinned_data_is_checked_first(raw, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    raw[0].rename(tmp_path / "data" / "mnist")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="ae fetch mnist"):
        prepare.prepare("mnist", dataset(Path("data/mnist")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["absent", "no meta", "cut"])
def test_prepared_data_that_is_incomplete_gets_one_line(tiny, damage):
    if damage == "cut":
        path = tiny.folder / "train_inputs.npy"
        path.write_bytes(path.read_bytes()[:-1])
        read = lambda: tiny.inputs("train")  # noqa: E731
    else:
        (tiny.folder / "meta.json").write_text("{")
        folder = tiny.folder if damage == "no meta" else tiny.folder / "absent"
        read = lambda: Prepared.open(folder)  # noqa: E731
    with pytest.raises(UserError, match=r"run: dvc repro .*prepare@") as caught:
        read()
    assert str(caught.value).startswith(str(tiny.folder))
    assert "\n" not in str(caught.value)
