import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ae_lightning.config.datasets import Images
from ae_lightning.data.images import prepare_arrays
from ae_lightning.data.images.arrays import FORMATS
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError

ROOT = Path(__file__).parents[2]
SPLITS = ("train", "validation", "test")


def idx_bytes(array):
    """IDX of unsigned bytes by its specification: magic, big-endian sizes, the bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


WRITERS = {"idx": lambda path, array: path.write_bytes(idx_bytes(array)), "npy": np.save}


def raw_files(folder, kind, shape=(3, 2)):
    """A folder with 12 training and 5 test images and their labels, and the arrays in it."""
    random = np.random.default_rng(0)
    folder.mkdir()
    arrays = {}
    for split, count in (("train", 12), ("test", 5)):
        images = random.integers(0, 256, (count, *shape)).astype(np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        for name, array in zip(FORMATS[kind].files[split], (images, labels), strict=True):
            WRITERS[kind](folder / name, array)
        arrays |= {f"{split}_inputs": images, f"{split}_labels": labels}
    return folder, arrays


@pytest.fixture
def raw(tmp_path):
    return raw_files(tmp_path / "raw", "idx")


def dataset(folder, **options):
    return Images(**{"kind": "idx", "path": folder, "validation": 4, **options})


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 3)])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_last_training_examples_are_set_aside(tmp_path, kind, shape, capsys):
    folder, arrays = raw_files(tmp_path / "raw", kind, shape)
    prepare("digits", dataset(folder, kind=kind), tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert data.shape == shape
    assert data.features == np.prod(shape)
    assert data.classes == ("0", "1", "2", "3")
    for part, read in (("inputs", data.inputs), ("labels", data.labels)):
        assert np.array_equal(read("train"), arrays[f"train_{part}"][:8])
        assert np.array_equal(read("validation"), arrays[f"train_{part}"][8:])
        assert np.array_equal(read("test"), arrays[f"test_{part}"])
        assert {read(split).dtype for split in SPLITS} == {np.dtype(np.uint8)}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "meta.json",
        *(f"{s}_{p}.npy" for s in ("test", "train", "validation") for p in ("inputs", "labels")),
    ]
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert list(meta.items())[:2] == [("kind", kind), ("shape", list(shape))]
    said = capsys.readouterr()
    assert said.out == "digits: 17 images: 8 train, 4 validation, 5 test; 4 classes\n"
    assert said.err == ""  # no bar where nobody looks


def test_limit_keeps_the_first_of_each_part(raw, tmp_path):
    folder, arrays = raw
    prepare("digits", dataset(folder, limit=3), tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert np.array_equal(data.inputs("train"), arrays["train_inputs"][:3])
    assert np.array_equal(data.inputs("validation"), arrays["train_inputs"][8:11])
    assert np.array_equal(data.labels("test"), arrays["test_labels"][:3])


def test_a_channel_of_grey_is_dropped(tmp_path):
    folder, arrays = raw_files(tmp_path / "raw", "npy", (3, 2, 1))
    prepare("digits", dataset(folder, kind="npy"), tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert data.shape == (3, 2)
    assert np.array_equal(data.inputs("test"), arrays["test_inputs"][..., 0])


def test_blocks_make_no_difference(raw, tmp_path, monkeypatch):
    prepare("digits", dataset(raw[0]), tmp_path / "whole")
    monkeypatch.setattr("ae_lightning.data.npy_writer.BYTES", 7)  # one image of 6 bytes at a time
    prepare("digits", dataset(raw[0]), tmp_path / "blocks")
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "blocks" / path.name).read_bytes() == path.read_bytes()


def test_classes_may_be_named(raw, tmp_path):
    names = ("zero", "one", "two", "three", "never seen")
    prepare("digits", dataset(raw[0], classes=names), tmp_path / "out")
    assert PreparedDataset.open(tmp_path / "out").classes == names


def test_labels_beyond_a_byte_take_two(tmp_path):
    folder, _ = raw_files(tmp_path / "raw", "npy")
    labels = np.array([0, 299, 1, 2, 3])
    np.save(folder / "test_labels.npy", labels)
    prepare("many", dataset(folder, kind="npy"), tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert np.array_equal(data.labels("test"), labels)
    assert data.labels("train").dtype == np.uint16
    assert len(data.classes) == 300


@pytest.mark.parametrize("kind", FORMATS)
def test_images_may_be_unlabelled(tmp_path, kind, capsys):
    folder, arrays = raw_files(tmp_path / "raw", kind)
    for _, labels in FORMATS[kind].files.values():
        (folder / labels).unlink()
    prepare("mine", dataset(folder, kind=kind), tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert not data.labelled
    assert data.classes == ()
    assert not list(data.folder.glob("*_labels.npy"))
    assert np.array_equal(data.inputs("validation"), arrays["train_inputs"][8:])
    with pytest.raises(UserError, match="labels are needed here, found none; label the data"):
        data.labels("train")
    assert capsys.readouterr().out.endswith("5 test; no labels\n")


def cut_labels(folder):
    WRITERS["idx"](folder / FORMATS["idx"].files["train"][1], np.zeros(11, np.uint8))
    return {}


def cut_images(folder):
    path = folder / FORMATS["idx"].files["test"][0]
    path.write_bytes(path.read_bytes()[:-1])
    return {}


def no_labels(folder):
    for _, labels in FORMATS["idx"].files.values():
        (folder / labels).unlink()
    return {"classes": ["a"]}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_labels, "12 images and 11 labels in train"),
        (cut_images, "header promises"),
        (lambda folder: {"validation": 12}, r"datasets\.digits\.validation: .* 12 of 12"),
        (lambda folder: {"validation": 99}, r"datasets\.digits\.validation: .* 99 of 12"),
        (lambda folder: {"classes": "abc"}, r"digits\.classes: .* found 3 for labels up to 3;"),
        (no_labels, r"digits\.classes: must be a name for every label, found no labels"),
        (lambda folder: {"path": folder / "no"}, r"no/train-images-idx3-ubyte: not found; put it"),
    ],
)
def test_a_failure_leaves_what_was_there(raw, tmp_path, spoil, said):
    folder, out = raw[0], tmp_path / "artifacts" / "out"
    prepare("digits", dataset(folder), out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    options = spoil(folder)
    options["classes"] = tuple(options.get("classes", ()))
    for place in (out, out.with_name("never")):
        with pytest.raises(UserError, match=said) as caught:
            prepare("digits", dataset(folder, **options), place)
        assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(("number", "error"), [(28, UserError), (13, PermissionError)])
def test_a_failure_to_write_leaves_nothing(raw, tmp_path, monkeypatch, number, error):
    """A full disk gets a line of its own; what else the system says is passed on."""
    written = []

    def write(path, *_):
        if len(written) == 3:
            raise OSError(number, "No space left on device")
        written.append(path)
        path.write_bytes(b"half")

    monkeypatch.setattr(prepare_arrays, "write_blocks", write)
    out = tmp_path / "artifacts" / "out"
    with pytest.raises(error, match="No space") as caught:
        prepare("digits", dataset(raw[0]), out)
    assert len(written) == 3
    assert list(out.parent.iterdir()) == []
    if error is UserError:
        assert str(caught.value).startswith(f"{out}: cannot be written (No space left on device);")


def test_pinned_data_is_checked_first(raw, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    raw[0].rename(tmp_path / "data" / "mnist")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="ae fetch mnist"):
        prepare("mnist", dataset(Path("data/mnist")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# The peak of the process itself: getrusage's would be its parent's, if that was larger when it
# started the process.
PEAK = """
from pathlib import Path
from ae_lightning.config.datasets import Images
from ae_lightning.data.images.prepare_arrays import write_arrays
{call}
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


def peak(call):
    """The most memory (bytes) that an interpreter has while it does ``call``."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK.format(call=call)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return 1024 * int(done.stdout.split()[-1])


@pytest.mark.slow  # starts interpreters
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("kind", FORMATS)
def test_memory_does_not_grow_with_the_number_of_images(tmp_path, kind):
    peaks = {}
    (out := tmp_path / "out").mkdir()
    for count in (8_000, 32_000):
        (folder := tmp_path / f"{count}").mkdir()
        for part in ("train", "test"):
            images, labels = (folder / name for name in FORMATS[kind].files[part])
            WRITERS[kind](images, np.zeros((count, 32, 32), np.uint8))
            WRITERS[kind](labels, np.zeros(count, np.uint8))
        mine = f"Images(kind='{kind}', path={str(folder)!r}, validation={count // 2})"
        peaks[count] = peak(f"write_arrays('mine', {mine}, Path({str(out)!r}))")
    assert peaks[32_000] - peaks[8_000] < 3e6  # of 50 MB more


CIFAR = ROOT / "data" / "cifar10"


@pytest.mark.slow  # reads and writes 184 MB
@pytest.mark.skipif(not CIFAR.exists(), reason="needs ae fetch cifar10")
def test_cifar(tmp_path):
    animals = ("bird", "cat", "deer", "dog", "frog", "horse")
    names = ("airplane", "automobile", *animals, "ship", "truck")
    cifar = dataset(CIFAR, kind="npy", validation=5000, classes=names)
    prepare("cifar", cifar, tmp_path / "out")
    data = PreparedDataset.open(tmp_path / "out")
    assert data.shape == (32, 32, 3)
    assert [len(data.inputs(split)) for split in SPLITS] == [45_000, 5_000, 10_000]
    # The publisher's order, and the means that are quoted for the test images.
    assert data.labels("train")[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert data.classes[data.labels("train")[0]] == "frog"
    means = data.inputs("test").mean(axis=(0, 1, 2)) / 255
    assert means == pytest.approx([0.49421, 0.48513, 0.45041], abs=5e-6)
    labels = np.concatenate([data.labels("train"), data.labels("validation")])
    assert np.bincount(labels).tolist() == [5000] * 10
    assert np.bincount(data.labels("test")).tolist() == [1000] * 10


@pytest.mark.parametrize("damage", ["absent", "no meta", "cut"])
def test_prepared_data_that_is_incomplete_gets_one_line(tiny, damage):
    if damage == "cut":
        path = tiny.folder / "train_inputs.npy"
        path.write_bytes(path.read_bytes()[:-1])
        read = lambda: tiny.inputs("train")  # noqa: E731
    else:
        (tiny.folder / "meta.json").write_text("{")
        folder = tiny.folder if damage == "no meta" else tiny.folder / "absent"
        read = lambda: PreparedDataset.open(folder)  # noqa: E731
    with pytest.raises(UserError, match=r"run: dvc repro .*prepare@") as caught:
        read()
    assert str(caught.value).startswith(str(tiny.folder))
    assert "\n" not in str(caught.value)
