"""The command line on tiny variants: files that others can read, and mistakes in one line."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ae_lightning import load
from ae_lightning.inference.image_sheets import plane


@pytest.fixture
def scans(artifacts, images):
    """Five test images as files, two of them in a subfolder, and all as an array."""
    for number in range(5):
        path = Path("scans", "in" if number > 2 else "", f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[number]).save(path)
    np.save("all.npy", images)
    return Path("scans")


NAMES = [f"scans/{name}.png" for name in ("0", "1", "2", "in/3", "in/4")]


def test_codes_as_parquet_csv_and_npy(scans, images, ae):
    expected = np.concatenate([load("pca-5").encode(images[:5]), load("pca-5").encode(images)])
    for name in ("codes.parquet", "deep/codes.csv", "codes.npy"):
        status, output, _ = ae("encode", "pca-5", scans, "all.npy", "-o", name)
        assert (status, output) == (0, f"37 codes of 5 numbers: {name}\n")
    frames = pd.read_parquet("codes.parquet"), pd.read_csv("deep/codes.csv", dtype={"input": str})
    for frame in frames:
        assert list(frame) == ["input", "code_0", "code_1", "code_2", "code_3", "code_4"]
        assert list(frame["input"]) == [*NAMES, *(f"all.npy:{n}" for n in range(32))]
        numbers = frame.drop(columns="input").to_numpy("f4")
        np.testing.assert_allclose(numbers, expected, atol=1e-6)
    np.testing.assert_allclose(np.load("codes.npy"), expected, atol=1e-6)


def test_rows_are_in_the_order_of_the_inputs(scans, images, ae):
    np.save("one.npy", images[7:8])
    inputs = ["scans/1.png", "one.npy", "scans/0.png", "scans/1.png"]
    rows = json.loads(ae("encode", "pca-5", *inputs, "--json")[1])
    assert [row["input"] for row in rows] == ["scans/1.png", "one.npy:0", *inputs[2:]]
    expected = load("pca-5").encode(images[[1, 7, 0, 1]])
    np.testing.assert_allclose([row["code"] for row in rows], expected, atol=1e-5)


def test_codes_as_json(scans, images, ae):
    status, output, errors = ae("encode", "pca-5", "scans/in", "--json")
    rows = json.loads(output)
    assert (status, errors, [row["input"] for row in rows]) == (0, "", NAMES[3:])
    codes = load("pca-5").encode(images[3:5])
    np.testing.assert_allclose([row["code"] for row in rows], codes, atol=1e-6)


def test_texts_of_every_form(artifacts, notes, ae):
    body = "crude oil from opec"
    Path("one.txt").write_text(body)
    Path("more").mkdir()
    Path("more/a.txt").write_text(body)
    Path("rows.csv").write_text(f'id,title,body\n7,Oil,"{body}"\n')
    Path("rows.jsonl").write_text(json.dumps({"body": body}) + "\n")
    inputs = ["one.txt", "more", "rows.csv", "rows.jsonl", "--text", body]
    status, output, _ = ae("encode", "text", *inputs, "--json")
    rows = json.loads(output)
    names = ["one.txt", "more:a.txt", "rows.csv:7", "rows.jsonl:1", "--text:0"]
    assert (status, [row["input"] for row in rows]) == (0, names)
    titled = load("text").encode([f"Oil\n{body}"])[0]
    plain = load("text").encode([body])[0]
    for row, code in zip(rows, [plain, plain, titled, plain, plain], strict=True):
        np.testing.assert_allclose(row["code"], code, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["pca-5", "scans"], "encode: needs somewhere to write to; give -o"),
        (["pca-5", "-o", "x.npy"], "pca-5: found no input; give image files, folders of them or"),
        (["pca-5", "scans", "-o", "x.txt"], "x.txt: must end in .parquet or .csv or .npy"),
        (["pca-5", "scans", "-o", "folder.npy"], "folder.npy: must be a file, found a folder"),
        (["pca5", "scans", "-o", "x.npy"], "unknown variant 'pca5'; there is pca-5, pca-9, pca-2"),
        (["pca-9", "scans", "-o", "x.npy"], "pca-9: not trained yet; run: ae flow pca-9"),
        (["pca-5", "away.png", "-o", "x.npy"], "away.png: must be a picture that is there"),
        (["pca-5", "empty", "-o", "x.npy"], "empty: holds no images"),
        (["pca-5", "scans", "broken.png", "-o", "x.npy"], "broken.png: must be a picture that"),
        (["pca-5", "large.npy", "-o", "x.npy"], "large.npy: images: must be (N, 8, 8)"),
        (["pca-5", "nan.npy", "-o", "x.npy"], "nan.npy: images: must be finite, found nan"),
        (["pca-5", "no.npy", "-o", "x.npy"], "no.npy: must be an array that numpy.save wrote"),
        (["pca-5", "--text", "crude", "-o", "x.npy"], "--text: is for documents"),
        (["text", "-o", "x.npy"], "text: found no input; give .txt, .jsonl, .csv or .tsv"),
        (["text", "crude oil", "-o", "x.npy"], "crude oil: no such file or folder; correct it"),
        (["text", "blank.txt", "-o", "x.npy"], "blank.txt: must not be empty; leave it out"),
        (["text", "nul.txt", "-o", "x.npy"], "nul.txt: must be text, found a NUL at character 4"),
        (["text", "few.csv", "-o", "x.npy"], "few.csv: line 3: must have 2 cells"),
        (["text", "--text", "crude", "--text", "", "-o", "x.npy"], "--text:1: must not be empty"),
        (["text", "--text", "zebra", "-o", "x.npy"], "found 'zebra'; leave it out (--skip leaves"),
        (["text", "all.npy", "-o", "x.npy"], "all.npy: documents must be in a .jsonl, .csv"),
    ],
)  # fmt: skip
def test_mistakes_write_nothing(arguments, line, scans, ae):
    Path("folder.npy").mkdir()
    Path("empty").mkdir()
    Path("broken.png").write_bytes(Path("scans/0.png").read_bytes()[:50])
    np.save("large.npy", np.zeros((2, 9, 8), "u1"))
    images = np.zeros((3, 8, 8))
    images[1] = np.nan
    np.save("nan.npy", images)
    Path("no.npy").write_bytes(b"no array")
    Path("blank.txt").write_text(" \n")
    Path("nul.txt").write_bytes(b"caf\0")
    Path("few.csv").write_text("id;body\n1;oil\n2\n")
    before = sorted(Path().rglob("*"))
    status, output, errors = ae("encode", *arguments)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert errors.startswith("ae: ")
    assert line in errors
    assert sorted(Path().rglob("*")) == before


def test_what_cannot_be_read_may_be_skipped(scans, images, ae):
    Path("scans/broken.png").write_bytes(b"")
    status, output, errors = ae("encode", "pca-5", "scans", "--skip", "-o", "x.npy")
    assert (status, output) == (0, "5 codes of 5 numbers: x.npy\n")
    assert errors.startswith("ae: scans/broken.png: must be a picture that Pillow can read")
    status, output, errors = ae("encode", "text", "--text", "", "--text", "oil", "--skip", "--json")
    assert (status, [row["input"] for row in json.loads(output)]) == (0, ["--text:1"])
    assert errors == "ae: --text:0: must not be empty; leave it out\n"
    status, output, errors = ae("encode", "text", "--text", "", "--skip", "--json")
    assert (status, output) == (2, "")
    assert "text: none of the inputs could be read" in errors


def test_rows_that_cannot_be_read_may_be_skipped(artifacts, ae):
    rows = "body;more\ncrude “oil”;1\nfew cells\nwheat;2\n"
    Path("rows.csv").write_bytes(rows.encode("cp1252"))
    status, output, errors = ae("encode", "text", "rows.csv", "--skip", "--json")
    assert (status, [row["input"] for row in json.loads(output)]) == (
        0,
        ["rows.csv:2", "rows.csv:4"],
    )
    guess, few = errors.splitlines()
    assert guess == "ae: rows.csv: should be UTF-8, found other bytes; read as cp1252"
    assert few.startswith("ae: rows.csv: line 3: must have 2 cells as the header has, found 1")


def test_altered_weights_need_a_word(scans, ae):
    outs = "outs: [{path: artifacts/models/pca-5, hash: md5, md5: 0f.dir}]"
    Path("dvc.lock").write_text(f"stages: {{finetune@pca-5: {{{outs}}}}}\n")
    status, _, errors = ae("encode", "pca-5", "scans", "-o", "x.npy")
    assert status == 2
    assert "must be what dvc.lock records (md5 0f.dir), found " in errors
    assert ae("encode", "pca-5", "scans", "-o", "x.npy", "--unverified")[0] == 0


def test_reconstructed_pictures(scans, images, ae):
    back = load("pca-5").reconstruct(images[:5])
    status, output, _ = ae("reconstruct", "pca-5", "scans", "scans/0.png", "-o", "back")
    assert status == 0
    assert output.startswith("6 images, mean squared error ")
    files = sorted(path.name for path in Path("back").iterdir())
    assert files == ["0-2.png", "0.png", "1.png", "2.png", "3.png", "4.png"]
    for number, image in enumerate(back):
        found = np.asarray(Image.open(f"back/{number}.png"))
        np.testing.assert_array_equal(found, np.rint(image.clip(0, 1) * 255))


def test_reconstructions_as_a_page_and_as_json(scans, images, ae):
    status, output, _ = ae("reconstruct", "pca-5", "scans", "all.npy", "-o", "pairs.png", "--json")
    rows = json.loads(output)
    assert (status, len(rows), rows[0]["input"]) == (0, 37, NAMES[0])
    errors = ((load("pca-5").reconstruct(images) - images / 255) ** 2).sum((1, 2))
    np.testing.assert_allclose([row["sse"] for row in rows[5:]], errors, rtol=1e-4)
    page = Image.open("pairs.png")
    assert page.format == "PNG"
    assert 1000 < page.width < 1200  # ten pairs across
    assert 1000 < page.height < 1300  # four rows of them


def test_reconstructed_words(artifacts, ae):
    status, output, _ = ae("reconstruct", "text", "--text", "crude oil", "--json")
    [row] = json.loads(output)
    model = load("text")
    [words] = model.likeliest(model.reconstruct(["crude oil"]))
    assert (status, row) == (0, {"input": "--text:0", "reconstruction": dict(words)})
    status, output, _ = ae("reconstruct", "text", "--text", "crude oil")
    assert output.startswith(f"--text:0: {words[0][0]} {words[0][1]:.3f}, {words[1][0]} ")
    status, output, _ = ae("reconstruct", "sequence", "--text", "crude oil", "-o", "x.json")
    assert (status, output) == (0, "1 documents: x.json\n")
    [row] = json.loads(Path("x.json").read_text())
    assert row["reconstruction"] == load("sequence").reconstruct(["crude oil"])[0]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["pca-5", "scans"], "reconstruct: needs somewhere to write to; give -o pairs.png"),
        (["pca-5", "scans", "-o", "x.jpg"], "x.jpg: must be a .png page of pairs or a folder"),
        (["pca-5", "scans", "-o", "x.npy"], "x.npy: must be a .png page of pairs or a folder"),
        (["pca-5", "scans", "-o", "all"], "all: must be a folder, found a file"),
        (["pca-5", "scans", "away.png", "-o", "back"], "away.png: must be a picture that is there"),
        (["text", "--text", "oil", "-o", "x.png"], "x.png: must end in .json"),
    ],
)
def test_what_cannot_be_reconstructed(arguments, line, scans, ae):
    Path("all").touch()
    before = sorted(Path().rglob("*"))
    status, output, errors = ae("reconstruct", *arguments)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert line in errors
    assert sorted(Path().rglob("*")) == before


def test_the_plane_grows_to_the_right_and_upwards():
    assert plane(3, 2.0).tolist() == [
        [-2, 2], [0, 2], [2, 2],
        [-2, 0], [0, 0], [2, 0],
        [-2, -2], [0, -2], [2, -2],
    ]  # fmt: skip


def test_a_generated_grid(artifacts, images, ae):
    status, output, _ = ae("generate", "pca-2", "--grid", 2, "--box", 1.5, "-o", "grid.png")
    assert (status, output) == (0, "4 images: grid.png\n")
    page = Image.open("grid.png")
    assert page.format == "PNG"
    assert 750 < page.width < 900
    assert 750 < page.height < 1000


@pytest.mark.parametrize("name", ["codes.parquet", "codes.csv", "codes.npy"])
def test_codes_that_were_written_are_decoded(name, scans, ae):
    ae("encode", "pca-5", "all.npy", "-o", name)
    status, output, _ = ae("generate", "pca-5", "--codes", name, "-o", "x.png")
    assert (status, output) == (0, "32 images: x.png\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["pca-5"], "generate: a grid is for codes of 2 numbers, and 'pca-5' has 5"),
        (["text"], "generate: draws images, and 'text' is on documents"),
        (["pca-2", "--box", "0"], "--box: must be above 0, found 0"),
        (["pca-2", "--box", "nan"], "--box: must be above 0, found nan"),
        (["pca-2", "--grid", "101"], "--grid: must be at most 100, found 101"),
        (["pca-2", "-o", "x.jpg"], "x.jpg: must end in .png"),
        (["pca-5", "--codes", "two.npy"], "codes: must be (N, 5), found (3, 2)"),
        (["pca-5", "--codes", "away.npy"], "away.npy: not found; put it there or correct the path"),
        (["pca-5", "--codes", "other.csv"], "writes them (no column code_0); write it again"),
        (["switches", "--codes", "six.npy"], "unpooling with switches needs the positions"),
    ],
)  # fmt: skip
def test_what_cannot_be_generated(arguments, line, artifacts, ae):
    np.save("two.npy", np.zeros((3, 2)))
    np.save("six.npy", np.zeros((3, 6)))
    Path("other.csv").write_text("a,b\n1,2\n")
    status, output, errors = ae("generate", "-o", "x.png", *arguments)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert line in errors
    assert not Path("x.png").exists()


def test_export_says_what_it_wrote_and_what_not(artifacts, ae):
    pytest.importorskip("onnxruntime")
    Path("onnx").mkdir()
    Path("onnx/decoder.onnx").write_text("of an earlier export")
    status, output, _ = ae("export", "switches", "-o", "onnx")
    encoder, decoder = output.splitlines()
    assert status == 0
    assert encoder.startswith("encoder: onnx/encoder.onnx, on 32 test examples within ")
    assert decoder.startswith("decoder: not exported: unpooling with switches needs")
    assert sorted(path.name for path in Path("onnx").iterdir()) == ["encoder.onnx", "export.json"]
