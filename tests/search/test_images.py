"""Searching images: what is found against scikit-learn, any picture as query, all mistakes."""

import hashlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from ae_lightning.data.prepared import SPLITS, PreparedDataset
from ae_lightning.data.sampler import to_unit
from ae_lightning.errors import UserError
from ae_lightning.nn import checkpoint
from ae_lightning.nn.stack import Stack
from ae_lightning.search.images import ImageHit, ImageIndex, encode
from ae_lightning.training.closed_form import pca_stack
from pipelines.cli.main import main
from pipelines.cli.search.images import table

ROOT = Path(__file__).parents[2]
MOST = 96 + 24 + 32


def codes_of(stack, data, split):
    with torch.inference_mode():
        return stack.encode(to_unit(torch.from_numpy(data.inputs(split)[:].copy()))).numpy()


def store(name, stack, data, splits):
    """Variant ``name`` as training and evaluation leave it."""
    artifacts = data.folder.parents[1]
    checkpoint.save(stack, artifacts / "models" / name, data.folder.name)
    evaluation = artifacts / "evaluation" / name
    evaluation.mkdir(parents=True)
    np.savez(evaluation / "codes.npz", **{split: codes_of(stack, data, split) for split in splits})


def coloured(folder):
    """Prepared pictures of a folder, (6, 4, 3), without classes."""
    random = np.random.default_rng(5)
    folder.mkdir(parents=True)
    for split, examples in {"train": 20, "validation": 5, "test": 5}.items():
        np.save(folder / f"{split}_inputs.npy", random.integers(0, 256, (examples, 6, 4, 3), "u1"))
        files = [json.dumps(f"{split}/{number}.png") + "\n" for number in range(examples)]
        (folder / f"{split}_files.jsonl").write_text("".join(files))
    (folder / "meta.json").write_text('{"kind": "folder", "shape": [6, 4, 3], "classes": []}')
    return PreparedDataset.open(folder)


@pytest.fixture
def artifacts(tiny, monkeypatch):
    """``pca`` on bars with codes of two splits, ``pixels``, and ``colours`` with codes of all."""
    folder = tiny.folder.parents[1]
    monkeypatch.chdir(folder.parent)
    store("pca", pca_stack(tiny, 5), tiny, ["validation", "test"])
    store("pixels", Stack([]), tiny, [])
    holiday = coloured(folder / "prepared" / "holiday")
    store("colours", pca_stack(holiday, 3), holiday, SPLITS)
    return folder


def ae(*arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ae", "search", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def save(image, name="query.png"):
    Path(name).parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(image).save(name)
    return name


@pytest.mark.parametrize("name", ["pca", "pixels"])
def test_images_come_in_scikit_learns_order(name, artifacts, tiny):
    stack = checkpoint.load(artifacts / "models" / name)
    database = np.concatenate([codes_of(stack, tiny, split) for split in SPLITS])
    queries = np.random.default_rng(3).integers(0, 256, (7, 8, 8), "u1")
    brute = NearestNeighbors(n_neighbors=MOST, algorithm="brute").fit(database.astype(np.float64))
    with torch.inference_mode():
        asked = stack.encode(to_unit(torch.from_numpy(queries))).double().numpy()
    distances, order = brute.kneighbors(asked)
    labels = np.concatenate([tiny.labels(split) for split in SPLITS])
    starts = {"train": 0, "validation": 96, "test": 120}
    found = ImageIndex.open(name, artifacts).search(queries, 1000)
    for hits, expected, places in zip(found, distances, order, strict=True):
        assert [hit.rank for hit in hits] == list(range(1, MOST + 1))
        np.testing.assert_allclose([hit.distance for hit in hits], expected, rtol=1e-5)
        at = np.array([starts[hit.split] + hit.number for hit in hits])
        clear = np.diff(expected, prepend=0, append=np.inf).clip(0)
        clear = np.minimum(clear[:-1], clear[1:]) > 1e-5
        np.testing.assert_array_equal(at[clear], places[clear])
        assert [hit.label for hit in hits] == [str(label) for label in labels[at]]


@pytest.mark.parametrize("name", ["pca", "pixels", "colours"])
@pytest.mark.parametrize(("split", "number"), [("train", 0), ("validation", 4), ("test", 2)])
def test_an_image_of_the_database_finds_itself(name, split, number, artifacts):
    index = ImageIndex.open(name, artifacts)
    image = np.array(index.data.inputs(split)[number])
    [[hit]] = index.search(image[None], 1)
    assert (hit.rank, hit.split, hit.number) == (1, split, number)
    assert hit.distance == pytest.approx(0, abs=1e-4)
    np.testing.assert_array_equal(index.image(hit), image)
    assert hit.file == (f"{split}/{number}.png" if name == "colours" else None)
    assert (hit.label is None) == (name == "colours")


def test_codes_are_those_of_training_whatever_the_batch(artifacts, tiny, monkeypatch):
    stack = checkpoint.load(artifacts / "models" / "pca").eval()
    expected = codes_of(stack, tiny, "test")
    np.testing.assert_array_equal(encode(stack, tiny.inputs("test")), expected)
    done = []
    monkeypatch.setattr("ae_lightning.search.images.BATCH", 20)
    codes = encode(stack, tiny.inputs("test"), done.append)
    np.testing.assert_allclose(codes, expected, atol=1e-6)
    assert done == [20, 12]


def test_no_file_is_written(artifacts):
    before = {path: path.read_bytes() for path in artifacts.rglob("*") if path.is_file()}
    ImageIndex.open("pca", artifacts).search(np.zeros((1, 8, 8), "u1"))
    assert before == {path: path.read_bytes() for path in artifacts.rglob("*") if path.is_file()}


def test_fewer_than_one_image_is_told(artifacts):
    with pytest.raises(UserError, match="count: must be at least 1, found 0"):
        ImageIndex.open("pca", artifacts).search(np.zeros((1, 8, 8), "u1"), 0)


def other_shape(folder):
    path = folder / "prepared" / "tiny" / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"shape": [7, 8]}))


def fewer_codes(folder):
    np.savez(folder / "evaluation" / "pca" / "codes.npz", test=np.zeros((30, 5), np.float32))


def on_documents(folder):
    path = folder / "prepared" / "tiny" / "meta.json"
    path.write_text(path.read_text().replace("idx", "documents"))


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda folder: (folder / "evaluation" / "pca" / "codes.npz").unlink(),
         r"pca/codes.npz: this variant was not evaluated yet; run: dvc repro evaluate@pca$"),
        (fewer_codes, r"pca/codes.npz: must have codes \(32, 5\) of the test images, "
         r"found \(30, 5\), which are stale; run: dvc repro evaluate@pca$"),
        (other_shape, r"models/pca: must take the 56 numbers of an image of .*prepared/tiny, "
         r"found 64, so it is stale; run: dvc repro evaluate@pca$"),
        (on_documents, r"prepared/tiny: no usable prepared data here .*vocabulary.json.*"),
        (lambda folder: shutil.rmtree(folder / "prepared" / "tiny"),
         r"prepared/tiny/meta.json: no prepared data here .*dvc repro prepare@tiny$"),
        (lambda folder: (folder / "models" / "pca" / "model.json").write_text("{}"),
         r"models/pca: no usable model here \(model.json: data: must be .*found None; .*"
         r"run: dvc repro finetune@pca$"),
    ],
)  # fmt: skip
def test_artifacts_that_do_not_fit_are_told(spoil, line, artifacts):
    spoil(artifacts)
    with pytest.raises(UserError, match=line):
        ImageIndex.open("pca", artifacts)


def test_a_coloured_picture_finds_a_grey_one(artifacts, tiny, capsys, monkeypatch):
    grey = np.array(tiny.inputs("test")[3])
    save(np.stack([grey] * 3, 2), "colour.png")
    assert ae("pca", "colour.png", "-n", 2, "--json", monkeypatch=monkeypatch) == 0
    output, errors = capsys.readouterr()
    [answer] = json.loads(output)
    [hits] = ImageIndex.open("pca").search(grey[None], 2)
    assert answer == {"query": "colour.png", "hits": [asdict(hit) for hit in hits]}
    assert (hits[0].split, hits[0].number, hits[0].label) == (
        "test",
        3,
        str(tiny.labels("test")[3]),
    )
    assert errors == ""


def test_a_folder_is_searched_whole_and_a_broken_file_is_told(artifacts, tiny, capsys, monkeypatch):
    for number, name in enumerate(["b.png", "in/a.jpg", "in/deeper/c.bmp"]):
        save(np.array(tiny.inputs("train")[number]), f"photos/{name}")
    Path("photos/in/broken.png").write_bytes(Path("photos/b.png").read_bytes()[:40])
    Path("photos/notes.txt").write_text("no picture")
    Path("photos/.hidden.png").write_bytes(b"")
    assert ae("pca", "photos", "photos/notes.txt", "--json", monkeypatch=monkeypatch) == 0
    output, errors = capsys.readouterr()
    answers = json.loads(output)
    assert [a["query"] for a in answers] == [
        f"photos/{n}" for n in ("b.png", "in/a.jpg", "in/deeper/c.bmp")
    ]
    assert {len(answer["hits"]) for answer in answers} == {10}
    assert [answers[place]["hits"][0]["number"] for place in (0, 2)] == [0, 2]
    first, second = errors.splitlines()
    assert first.startswith("ae: photos/in/broken.png: must be a picture that ")
    assert second.startswith("ae: photos/notes.txt: must be a picture that ")


def test_the_table_of_each_query(artifacts, tiny, capsys, monkeypatch):
    save(np.array(tiny.inputs("train")[7]), "one.png")
    save(np.array(tiny.inputs("test")[31]), "two.png")
    assert ae("pca", "one.png", "two.png", "-n", 2, monkeypatch=monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [lines[0], lines[4], lines[5]] == ["one.png", "", "two.png"]
    assert lines[1].split() == lines[6].split() == ["distance", "class", "split", "number"]
    assert lines[2].split() == ["1", "0.000", str(tiny.labels("train")[7]), "train", "7"]
    assert lines[7].split() == ["1", "0.000", str(tiny.labels("test")[31]), "test", "31"]


HITS = [
    ImageHit(9, 0.12345, "tabby\n\x1b[31mcat", "train", 12345, "a/b.png"),
    ImageHit(10, 12.5, "dog", "validation", 7, None),
]


def test_the_table_is_whole_without_a_terminal():
    assert list(table(HITS, None)) == [
        "    distance  class          split       number  file",
        " 9     0.123  tabby [31mcat  train        12345  a/b.png",
        "10    12.500  dog            validation       7",
    ]
    assert max(map(len, table(HITS, 40))) == 40


def test_no_column_for_what_there_is_not(artifacts, capsys, monkeypatch):
    save(np.zeros((5, 5, 3), "u1"))
    assert ae("colours", "query.png", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == [
        "distance",
        "split",
        "number",
        "file",
    ]
    assert next(iter(table([HITS[1]], None))).split()[-1] == "number"


def test_a_montage_is_a_picture(artifacts, tiny, capsys, monkeypatch):
    for number in range(3):
        save(np.array(tiny.inputs("train")[number]), f"photos/{number}.png")
    assert ae("pca", "photos", "-n", 4, "--montage", "out.png", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().err == ""
    page = Image.open("out.png")
    assert page.format == "PNG"
    assert 500 < page.width < 700
    assert 450 < page.height < 700


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("pca",), ["search: 'pca' is on images (tiny), found no query; give image files or "
                    "folders"]),
        (("pca", "oil", "gas"), [f"{word}: no such file or folder; 'pca' is on images (tiny), so "
                                 "give image files or folders" for word in ("oil", "gas")]),
        (("pca", "empty"), ["empty: holds no images (such as .png, .jpg, .tif); put some there"]),
        (("pca", "query.png", "-f", "a.txt"), ["search: --file is for documents, and 'pca' is on "
                                               "images (tiny); give image files"]),
        (("pca", "query.png", "--montage", "a.jpg"), ["--montage: must be a .png file, found "
                                                      "a.jpg; rename it"]),
        (("pac", "query.png"), ["artifacts/models: unknown variant 'pac'; there is pca"]),
    ],
)  # fmt: skip
def test_a_persons_mistake_is_one_line(arguments, lines, artifacts, capsys, monkeypatch):
    Path("empty").mkdir()
    save(np.zeros((8, 8), "u1"))
    assert ae(*arguments, monkeypatch=monkeypatch) == 2
    output, errors = capsys.readouterr()
    assert (output, errors) == ("", "".join(f"ae: {line}\n" for line in lines))


def test_one_answer_among_mistakes_is_success(artifacts, capsys, monkeypatch):
    save(np.zeros((8, 8), "u1"))
    assert ae("pixels", "nothing.png", "query.png", monkeypatch=monkeypatch) == 0
    output, errors = capsys.readouterr()
    assert output.startswith("query.png\n")
    assert errors.startswith("ae: nothing.png: no such file or folder; ")


def test_nothing_readable_is_a_failure_and_no_montage(artifacts, capsys, monkeypatch):
    Path("bad.png").write_bytes(b"not a picture")
    assert ae("pca", "bad.png", "--montage", "out.png", monkeypatch=monkeypatch) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert not Path("out.png").exists()


def test_codes_that_dvc_did_not_record_are_told(artifacts, capsys, monkeypatch):
    save(np.zeros((8, 8), "u1"))
    place = "artifacts/evaluation/pca/codes.npz"
    out = {"path": place, "md5": hashlib.md5(Path(place).read_bytes()).hexdigest()}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": {"evaluate@pca": {"outs": [out]}}}))
    assert ae("pca", "query.png", monkeypatch=monkeypatch) == 0
    found = capsys.readouterr().out
    with np.load(place) as codes:
        np.savez(place, **{split: codes[split] + 1 for split in codes})
    assert ae("pca", "query.png", monkeypatch=monkeypatch) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert errors.startswith(f"ae: {place}: must be what dvc.lock records (md5 {out['md5'][:8]})")
    assert errors.endswith("or dvc repro evaluate@pca\n")
    assert ae("pca", "query.png", "--unverified", monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out != found
