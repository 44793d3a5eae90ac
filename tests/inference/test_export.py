"""ONNX files run in onnxruntime give torch's answers; a wrong one is not kept."""

import contextlib
import json

import numpy as np
import pytest
import torch

from ae_lightning import load
from ae_lightning.errors import UserError
from ae_lightning.inference import export as onnx
from ae_lightning.inference.onnx_check import compare
from ae_lightning.inference.onnx_fusion import fuse
from ae_lightning.inference.output_folder import output_folder
from ae_lightning.nn import checkpoint

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def answers(path, x):
    [found] = runtime.InferenceSession(str(path)).run(None, {"input": x})
    return found


@torch.inference_mode()
def by_torch(stack, x):
    codes = stack.encode(torch.from_numpy(x))
    return codes.numpy(), stack.decode(codes).numpy()


@pytest.mark.parametrize("name", ["bits", "text"])
def test_both_files_answer_as_torch_does(name, artifacts, tmp_path):
    stack = checkpoint.load(artifacts / "models" / name).eval()
    examples = load(name).prepared("validation")[0:5]
    codes, back = by_torch(stack, examples)
    parts = onnx.export(load(name), tmp_path / "onnx")
    assert [(part.part, part.file, part.reason) for part in parts] == [
        ("encoder", "encoder.onnx", None),
        ("decoder", "decoder.onnx", None),
    ]
    for rows in (slice(0, 5), slice(2, 3)):  # any batch, not that of the export
        found = answers(tmp_path / "onnx" / "encoder.onnx", examples[rows])
        np.testing.assert_allclose(found, codes[rows], atol=1e-5)
        found = answers(tmp_path / "onnx" / "decoder.onnx", codes[rows])
        np.testing.assert_allclose(found, back[rows], atol=1e-5)
    about = json.loads((tmp_path / "onnx" / "export.json").read_text())
    assert all(part["difference"]["largest"] < 1e-5 for part in about["parts"])
    assert about["parts"][0]["difference"]["bits"] == (0 if name == "bits" else None)
    vocabulary = tmp_path / "onnx" / "vocabulary.json"
    assert vocabulary.exists() == (name == "text")
    if name == "text":
        assert json.loads(vocabulary.read_text())["terms"] == load(name).terms


def test_a_sequence_is_read_but_not_written(artifacts, texts, tmp_path):
    model = load("sequence")
    encoder, decoder = onnx.export(model, tmp_path / "onnx")
    assert encoder.difference.largest < 1e-5
    assert decoder.file is None
    assert decoder.reason.startswith("each word is chosen from those before it")
    tokens = model.batches(["crude oil", texts[0], "wheat"])[0:3]
    found = answers(tmp_path / "onnx" / "encoder.onnx", tokens)
    np.testing.assert_allclose(found, model.encode(["crude oil", texts[0], "wheat"]), atol=1e-5)
    assert not (tmp_path / "onnx" / "decoder.onnx").exists()


def test_a_file_that_answers_otherwise_is_not_kept(artifacts, tmp_path, monkeypatch):
    model = load("pca-5")
    monkeypatch.setattr(onnx, "_write", lambda part, example, path: path.write_bytes(other))
    onnx.torch.manual_seed(0)
    wrong = torch.nn.Linear(64, 5).eval()
    torch.onnx.export(
        wrong, (torch.zeros(2, 64),), tmp_path / "wrong.onnx", dynamo=True, external_data=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},), input_names=["input"], verbose=False,
    )  # fmt: skip
    other = (tmp_path / "wrong.onnx").read_bytes()
    with pytest.raises(UserError, match="onnxruntime answers otherwise than torch, by"):
        compare(tmp_path / "wrong.onnx", model, "encoder", "test", lambda count: None)
    monkeypatch.setattr(onnx, "obstacle", lambda stack, part: part == "decoder" and "not asked for")
    line = "pca-5: encoder: onnxruntime answers otherwise .* allowed; .*; decoder: not asked for"
    with pytest.raises(UserError, match=line):
        onnx.export(model, tmp_path / "onnx")
    assert not list(tmp_path.glob("onnx*")) + list(tmp_path.glob(".onnx*"))


def test_switches_cannot_be_decoded_and_it_says_why(artifacts):
    assert onnx.obstacle(load("switches").stack, "encoder") is None
    reason = "unpooling with switches needs the positions of the maxima, which no code has"
    assert onnx.obstacle(load("switches").stack, "decoder") == reason


@pytest.mark.parametrize("name", ["repeat", "switches", "pca-5"])
def test_a_folded_net_is_the_same(name, artifacts, images):
    stack = load(name).stack
    x = torch.from_numpy(images).flatten(1) / 255
    with torch.inference_mode():
        torch.testing.assert_close(fuse(stack)(x), stack(x))


def test_a_folder_gets_all_files_or_none(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with contextlib.suppress(RuntimeError), output_folder(folder) as partial:
        (partial / "new").write_text("new")
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "mine"]
    with output_folder(folder) as partial:
        (partial / "new").write_text("new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["mine", "new", "there"]
    with (
        pytest.raises(UserError, match="mine: must be a folder, found a file"),
        output_folder(folder / "mine"),
    ):
        pass
