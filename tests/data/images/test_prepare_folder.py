import csv
import json
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.images.prepare_folder import write_folder
from ae_lightning.data.prepare import prepare
from ae_lightning.data.prepared import PreparedDataset
from ae_lightning.errors import UserError

ROOT = Path(__file__).parents[3]
SPLITS = ("train", "validation", "test")
GREYS = {"cat": 50, "dog": 100, "owl": 200}  # the class of an image is seen in it


def save(path, grey):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((3, 4), grey, np.uint8)).save(path)


def animals(folder, each=20):
    """``each`` images a class, told apart by their brightness: the class's and their number."""
    for name, grey in GREYS.items():
        for number in range(each):
            save(folder / name / f"{number:02}.png", grey + number)
    return folder


def dataset(folder, **options):
    defaults = {"kind": "folder", "size": (2, 2), "colours": "grey", "validation": 12}
    return ImageFolder(**{**defaults, "path": folder, **options})


def prepared(tmp_path, **options):
    prepare("mine", dataset(tmp_path / "raw", **options), tmp_path / "out")
    return PreparedDataset.open(tmp_path / "out")


def greys(data, split):
    """The brightness of each image, which must be the same all over it."""
    images = data.inputs(split).reshape(len(data.inputs(split)), -1)
    assert np.array_equal(images, images[:, :1].repeat(images.shape[1], axis=1))
    return images[:, 0].tolist()


def test_subfolders_are_classes_and_chance_splits(tmp_path, capsys):
    animals(tmp_path / "raw")
    data = prepared(tmp_path, test=0.25)
    assert data.kind == "folder"
    assert data.shape == (2, 2)
    assert data.classes == ("cat", "dog", "owl")
    assert [len(data.inputs(split)) for split in SPLITS] == [33, 12, 15]
    seen = []
    for split in SPLITS:
        files, labels = data.files(split), data.labels(split)
        expected = [GREYS[Path(file).parent.name] + int(Path(file).stem) for file in files]
        assert greys(data, split) == expected
        assert [data.classes[label] for label in labels] == [Path(file).parts[0] for file in files]
        assert labels.dtype == np.uint8
        # A third of each part is expected; none would be of a part that is sorted by class.
        assert min(np.bincount(labels, minlength=3)) >= 1
        assert files != sorted(files)
        seen += files
    assert sorted(seen) == [f"{name}/{number:02}.png" for name in GREYS for number in range(20)]
    assert {path.name for path in data.folder.iterdir()} == {
        *("meta.json", "skipped.csv"),
        *(f"{s}_{p}" for s in SPLITS for p in ("inputs.npy", "labels.npy", "files.jsonl")),
    }
    assert json.loads((data.folder / "meta.json").read_text()) == {
        "kind": "folder",
        "shape": [2, 2],
        "classes": ["cat", "dog", "owl"],
        "images": {"train": 33, "validation": 12, "test": 15},
        "skipped": 0,
    }
    said = capsys.readouterr()
    assert said.out == (
        "mine: 60 images: 33 train, 12 validation, 15 test; 3 classes; 0 unreadable (skipped.csv)\n"
    )
    assert said.err == ""


def test_the_seed_decides_who_is_where(tmp_path):
    animals(tmp_path / "raw")
    first, again = prepared(tmp_path).files("test"), prepared(tmp_path).files("test")
    assert again == first
    assert prepared(tmp_path, seed=1).files("test") != first


def test_limit_takes_some_of_every_class(tmp_path):
    animals(tmp_path / "raw")
    whole, cut = {}, {}
    for options, found in (({}, whole), ({"limit": 8}, cut)):
        data = prepared(tmp_path, **options)
        found |= {split: data.files(split) for split in SPLITS}
    assert cut == {split: files[:8] for split, files in whole.items()}
    assert {Path(file).parts[0] for file in cut["train"]} == set(GREYS)


def test_colours_are_kept_unless_grey_is_asked_for(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    (tmp_path / "raw").mkdir()
    for number in range(20):
        Image.fromarray(red).save(tmp_path / "raw" / f"{number}.png")
    data = prepared(tmp_path, size=(3, 4), colours="rgb", validation=1)
    assert data.shape == (3, 4, 3)
    assert np.array_equal(data.inputs("test"), np.broadcast_to([200, 0, 0], (4, 3, 4, 3)))
    data = prepared(tmp_path, size=(3, 4), validation=1)
    assert data.inputs("test").tolist() == [[[60] * 4] * 3] * 4  # 0.299 of red


def test_train_and_test_folders_are_the_parts(tmp_path):
    animals(tmp_path / "raw" / "train", each=10)
    for name in ("cat", "emu"):
        save(tmp_path / "raw" / "test" / name / "one.png", 7)
    data = prepared(tmp_path, validation=6)
    assert sorted(data.files("test")) == ["test/cat/one.png", "test/emu/one.png"]
    assert data.classes == ("cat", "dog", "emu", "owl")
    train, held = data.files("train"), data.files("validation")
    assert len(held) == 6
    assert sorted(train + held) == [f"train/{n}/{i:02}.png" for n in GREYS for i in range(10)]
    assert len({Path(file).parts[1] for file in held}) > 1


def test_images_may_be_unlabelled(tmp_path):
    for number in range(10):
        save(tmp_path / "raw" / f"{number}.png", number)
    data = prepared(tmp_path, validation=2)
    assert not data.labelled
    assert not list(data.folder.glob("*_labels.npy"))
    assert sorted(chain.from_iterable(greys(data, split) for split in SPLITS)) == list(range(10))
    with pytest.raises(UserError, match="labels are needed here, found none"):
        data.labels("test")


def test_train_and_test_folders_may_be_unlabelled(tmp_path):
    for part, count in (("train", 6), ("test", 3)):
        for number in range(count):
            save(tmp_path / "raw" / part / f"{number}.png", number)
    data = prepared(tmp_path, validation=2)
    assert not data.labelled
    assert sorted(greys(data, "test")) == [0, 1, 2]


def test_what_is_no_image_is_passed_over(tmp_path):
    animals(tmp_path / "raw")
    for name in ("notes.txt", ".hidden.png", "cat/Thumbs.db", ".cache/a.png", "empty/.keep"):
        path = tmp_path / "raw" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("no image")
    shutil.move(tmp_path / "raw/cat/00.png", tmp_path / "raw/cat/00.PNG")
    save(tmp_path / "raw" / "cat" / "deeper" / "down" / "x.png", 1)
    data = prepared(tmp_path)
    assert data.classes == ("cat", "dog", "owl")
    files = [*chain.from_iterable(map(data.files, SPLITS))]
    assert len(files) == 61
    assert {"cat/00.PNG", "cat/deeper/down/x.png"} <= set(files)


def broken(folder):
    """Five files that cannot be read."""
    (folder / "cat" / "empty.png").write_bytes(b"")
    (folder / "dog" / "text, and a comma.jpg").write_text("a dog\n" * 9)
    (folder / "dog" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    whole = (folder / "owl" / "00.png").read_bytes()
    (folder / "owl" / "cut.png").write_bytes(whole[:50])
    (folder / "owl" / "bomb.pgm").write_bytes(b"P5 60000 60000 255\n")


def test_unreadable_files_are_left_out_listed_and_counted(tmp_path, capsys):
    broken(animals(tmp_path / "raw"))
    data = prepared(tmp_path)
    assert sum(len(data.inputs(split)) for split in SPLITS) == 60
    for split in SPLITS:
        expected = [
            GREYS[Path(file).parent.name] + int(Path(file).stem) for file in data.files(split)
        ]
        assert greys(data, split) == expected
        assert len(data.labels(split)) == len(expected)
    with (data.folder / "skipped.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["file", "reason"]
    assert [row[0] for row in rows] == [
        "cat/empty.png",
        "dog/phone.heic",
        "dog/text, and a comma.jpg",
        "owl/bomb.pgm",
        "owl/cut.png",
    ]
    assert rows[0][1] == (
        "must be a picture that Pillow can read, found an empty file; replace the file"
    )
    meta = json.loads((data.folder / "meta.json").read_text())
    assert meta["skipped"] == 5
    assert sum(meta["images"].values()) == 60
    assert capsys.readouterr().out.endswith("; 3 classes; 5 unreadable (skipped.csv)\n")


def test_names_that_are_no_utf8_or_have_line_ends(tmp_path):
    raw = animals(tmp_path / "raw")
    odd = b"\xff\xfe", "a\nb", "ü"
    names = [
        name if isinstance(name, str) else name.decode(errors="surrogateescape") for name in odd
    ]
    for name in names:
        save(raw / "cat" / f"{name}.png", 1)
        (raw / "cat" / f"{name}.jpg").write_bytes(b"")
    data = prepared(tmp_path)
    files = [*chain.from_iterable(map(data.files, SPLITS))]
    assert {f"cat/{name}.png" for name in names} <= set(files)
    assert len((data.folder / "skipped.csv").read_text("utf-8").splitlines()) == 5  # one name has 2


def test_the_number_of_processes_changes_no_byte(tmp_path):
    broken(
        animals(tmp_path / "raw", each=50)
    )  # 155 files: three times what a process takes at once
    for processes in (1, 3):
        (tmp_path / str(processes)).mkdir()
        mine = dataset(tmp_path / "raw", colours="rgb", size=(8, 8))
        write_folder("mine", mine, tmp_path / str(processes), processes)
    for path in (tmp_path / "1").iterdir():
        assert (tmp_path / "3" / path.name).read_bytes() == path.read_bytes()


def nothing(raw):
    shutil.rmtree(raw)


def no_images(raw):
    nothing(raw)
    raw.mkdir()
    (raw / "notes.txt").write_text("no image")


def a_file(raw):
    nothing(raw)
    raw.write_text("no folder")


def one_outside(raw):
    save(raw / "z.png", 1)


def one_beside(raw):
    for part in ("train", "test"):
        animals(raw / part)


def no_test(raw):
    nothing(raw)
    animals(raw / "train")
    (raw / "test").mkdir()


def half_labelled(raw):
    nothing(raw)
    animals(raw / "train")
    save(raw / "test" / "1.png", 1)


def all_broken(raw):
    for path in raw.rglob("*.png"):
        path.write_bytes(b"")


WRONG = {
    "absent": (nothing, {}, r"raw: must be a folder of images, found nothing; correct the path"),
    "file": (a_file, {}, r"raw: must be a folder of images, found a file"),
    "no images": (no_images, {}, r"raw: holds no images .* put some there"),
    "outside": (one_outside, {}, r"or none; found cat/00\.png and z\.png; move or remove"),
    "beside": (one_beside, {}, r"no images, found 60, such as cat/00\.png; move or remove"),
    "half": (half_labelled, {}, r"found train/cat/00\.png and test/1\.png; move or remove"),
    "no test": (no_test, {}, r"raw: the subfolders must hold images .* found 60 and 0"),
    "share": (lambda raw: None, {"test": 0.001}, r"mine\.test: 0\.001 must leave .* 60 and 0;"),
    "all tested": (lambda raw: None, {"test": 0.999}, r"mine\.test: 0\.999 .* found 0 and 60"),
    "validation": (lambda raw: None, {"validation": 48}, r"mine\.validation: .* 48 of 48; make"),
    "broken": (all_broken, {}, r"no image of the train part can be read; the first is .*empty"),
}


@pytest.mark.parametrize(("spoil", "options", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_prepared_gets_one_line_and_leaves_nothing(tmp_path, spoil, options, said):
    spoil(animals(tmp_path / "raw"))
    before = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match=said) as caught:
        prepared(tmp_path, **options)
    assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == before


# Linux's peak of the process itself; getrusage's may be that of the process which started it.
PEAK = """
from pathlib import Path
from ae_lightning.config.datasets import ImageFolder
from ae_lightning.data.images.prepare_folder import write_folder
folder = Path({folder!r})
(out := folder.with_name("out")).mkdir(exist_ok=True)
write_folder("mine", ImageFolder(kind="folder", path=folder, size=(128, 128), validation=5), out, 1)
status = Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.slow  # starts interpreters
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    peaks = {}
    for count in (300, 1200):
        for number in range(count):
            save(tmp_path / f"{count}" / f"{number}.bmp", 1)
        command = [sys.executable, "-c", PEAK.format(folder=str(tmp_path / f"{count}"))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        peaks[count] = 1024 * int(done.stdout.split()[-1])
    assert peaks[1200] - peaks[300] < 5e6  # of 44 MB more
