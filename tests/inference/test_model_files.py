"""Models from strangers: whatever is in their files, one line, in bounded memory and time."""

import json
import os
import resource
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ae_lightning import load
from ae_lightning.errors import UserError
from ae_lightning.inference import model_files
from ae_lightning.inference.verify import check_recorded, folder_md5
from ae_lightning.nn.classifier import Classifier, ClassifierCheckpoint
from ae_lightning.nn.layers.sequence import SequenceSpec

MODEL, META = "models/pca-5/model.json", "prepared/tiny/meta.json"
WEIGHTS = "models/pca-5/layer-1.safetensors"


def edit(name, change):
    """A change of a JSON file's content."""

    def spoil(root):
        content = json.loads((root / name).read_text())
        change(content)
        (root / name).write_text(json.dumps(content))

    return spoil


def layer(**settings):
    return edit(MODEL, lambda content: content["layers"][0].update(settings))


def replaced(name, content):
    def spoil(root):
        (root / name).unlink()
        (root / name).write_bytes(content)

    return spoil


def instead(name, make):
    """Something that is no file in a file's place."""

    def spoil(root):
        (root / name).unlink()
        make(root / name)

    return spoil


def tensors(change, name=WEIGHTS):
    def spoil(root):
        found = load_file(root / name)
        change(found)
        save_file(found, root / name)

    return spoil


def sparse(path, size):
    with path.open("wb") as file:
        file.truncate(size)


def with_nan(found):
    next(iter(found.values())).view(-1)[3] = float("nan")


def header(text, data=b""):
    return struct.pack("<Q", len(text)) + text + data


HOSTILE = {
    "more inputs than the weights": (layer(inputs=2**31 - 1), "found (64,)"),
    "more units": (layer(units=2**31 - 1), "model.json declares, found"),
    "no units": (layer(units=0), "inputs and units must be at least 1"),
    "negative inputs": (layer(inputs=-64), "inputs and units must be at least 1"),
    "a number of many digits": (layer(units=10**60), "at most 10 digits"),
    "a number that is none": (layer(units=float("nan")), "at most 10 digits"),
    "another kind": (layer(kind="pickle"), "kind: must be that of a layer"),
    "many layers": (edit(MODEL, lambda c: c.update(layers=c["layers"] * 10**4)), "at most 100"),
    "no list of layers": (edit(MODEL, lambda c: c.update(layers=7)), "list of at most 100"),
    "a path as data": (edit(MODEL, lambda c: c.update(data="../../x")), "must be letters"),
    "a null character as data": (edit(MODEL, lambda c: c.update(data="a\0")), "must be letters"),
    "a long name of data": (edit(MODEL, lambda c: c.update(data="x" * 10**6)), "must be letters"),
    "a number as data": (edit(MODEL, lambda c: c.update(data=7)), "must be letters"),
    "whitened without its file": (edit(MODEL, lambda c: c.update(whitened=True)), "No such file"),
    "deep JSON": (replaced(MODEL, b"[" * 100_000), "nested too deeply"),
    "null": (replaced(MODEL, b"null"), "must be a JSON object"),
    "no UTF-8": (replaced(MODEL, b"\xff\xfe"), "utf-8"),
    "nothing": (replaced(MODEL, b""), "Expecting value"),
    "large JSON": (instead(MODEL, lambda path: sparse(path, 1 << 40)), "16,777,216 bytes"),
    "a pipe": (instead(MODEL, os.mkfifo), "found a pipe"),
    "a folder": (instead(MODEL, Path.mkdir), "found a folder"),
    "a device": (instead(MODEL, lambda p: p.symlink_to("/dev/zero")), "found a device"),
    "a pipe as weights": (instead(WEIGHTS, os.mkfifo), "found a pipe"),
    "a device as weights": (instead(WEIGHTS, lambda p: p.symlink_to("/dev/zero")), "a device"),
    "a link to nothing": (instead(WEIGHTS, lambda p: p.symlink_to("gone")), "No such file"),
    "a link to itself": (instead(WEIGHTS, lambda p: p.symlink_to(p)), "symbolic links"),
    "weights of a terabyte": (instead(WEIGHTS, lambda p: sparse(p, 1 << 40)), "at most"),
    "a header of a terabyte": (replaced(WEIGHTS, struct.pack("<Q", 1 << 40)), "header must have"),
    "a header that is no JSON": (replaced(WEIGHTS, header(b"{" * 999)), "no usable model"),
    "no weights": (replaced(WEIGHTS, header(b"{}")), "found absent"),
    "NaN": (tensors(with_nan), "must be finite"),
    "other names": (tensors(lambda t: t.update({"x\0" * 99: torch.ones(1)})), "must be absent"),
    "integers": (tensors(lambda t: t.update(x=torch.ones(1, dtype=torch.int64))), "be floats"),
    "empty meta.json": (replaced(META, b"{}"), "kind: Field required"),
    "meta.json: null": (replaced(META, b"null"), "must be a JSON object"),
    "meta.json: no UTF-8": (replaced(META, b"\xff\xfe"), "utf-8"),
    "meta.json: deep": (replaced(META, b"[" * 100_000), "nested too deeply"),
    "meta.json: a pipe": (instead(META, os.mkfifo), "found a pipe"),
    "meta.json: a huge image": (
        edit(META, lambda c: c.update(shape=[10**9, 10**9])), "shape: must be at most"),
    "meta.json: no image": (edit(META, lambda c: c.update(shape=[])), "shape: "),
    "meta.json: a negative image": (edit(META, lambda c: c.update(shape=[-8, -8])), "shape.0"),
    "meta.json: classes of numbers": (edit(META, lambda c: c.update(classes=[1])), "classes.0"),
}  # fmt: skip


def refused(name, root, line):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as error:
        load(name, root, verify=False)
    assert line in str(error.value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # KiB


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_models(what, artifacts):
    spoil, line = HOSTILE[what]
    spoil(artifacts)
    refused("pca-5", artifacts, line)


def test_a_link_to_a_file_is_as_good(artifacts):
    """As DVC's cache makes them."""
    for name in (MODEL, WEIGHTS, META):
        (artifacts / name).rename(artifacts / "elsewhere")
        (artifacts / "elsewhere").rename(artifacts / name.replace("/", "-"))
        (artifacts / name).symlink_to(artifacts / name.replace("/", "-"))
    assert load("pca-5", artifacts).code_size == 5


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (replaced("prepared/notes/vocabulary.json", b"{}"), "terms: Field required"),
        (replaced("prepared/notes/vocabulary.json", b"[" * 10**5), "nested too deeply"),
        (instead("prepared/notes/vocabulary.json", os.mkfifo), "found a pipe"),
        (edit("prepared/notes/vocabulary.json", lambda c: c["terms"].pop()), "shape: must be the"),
        (edit("prepared/notes/vocabulary.json", lambda c: c["terms"].append(7)), "terms."),
        (tensors(lambda t: t.update(idf=torch.ones(3)), "models/text/weighting.safetensors"),
         "idf': must be"),
        (tensors(lambda t: t.pop("idf"), "models/text/weighting.safetensors"), "found absent"),
        (tensors(with_nan, "models/text/weighting.safetensors"), "must be finite"),
        (instead("models/text/weighting.safetensors", os.mkfifo), "found a pipe"),
    ],
)  # fmt: skip
def test_hostile_models_of_documents(spoil, line, artifacts):
    spoil(artifacts)
    refused("text", artifacts, line)


@pytest.mark.parametrize("blocks", [101, 2**31 - 1])
def test_blocks_are_bounded_before_they_are_made(blocks):
    with pytest.raises(ValueError, match="blocks must be at most 100"):
        model_files._check_spec(1, SequenceSpec(inputs=9, units=5, blocks=blocks))


@pytest.fixture
def taught(artifacts):
    """A classifier on the layers of ``pca-5``, of one run."""
    folder = artifacts / "classifiers" / "digits"
    (folder / "layers").mkdir(parents=True)
    for path in (artifacts / "models/pca-5").iterdir():
        (folder / "layers" / path.name).write_bytes(path.read_bytes())
    classes = ("0", "1", "2", "3")
    net = Classifier(load("pca-5", artifacts).stack, len(classes))
    head = {f"head.{key}": value for key, value in net.head.state_dict().items()}
    save_file(head, folder / "random-100-0.safetensors")
    ClassifierCheckpoint(folder, "tiny", classes, "random-100-0", {"random-100-0": {}}).describe()
    return artifacts


CLASSIFIER, RUN = "classifiers/digits/model.json", "classifiers/digits/random-100-0.safetensors"


def test_a_classifier_of_one_run(taught, images):
    assert load("digits", taught).predict_proba(images).shape == (len(images), 4)


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (edit(CLASSIFIER, lambda c: c.update(best="../../models/x")), "must be letters"),
        (edit(CLASSIFIER, lambda c: c.update(best="gone")), "No such file"),
        (edit(CLASSIFIER, lambda c: c.update(data="../tiny")), "must be letters"),
        (edit(CLASSIFIER, lambda c: c.update(classes=["a"] * 10**5)), "must be (100000,"),
        (edit(CLASSIFIER, lambda c: c.update(classes=[])), "classes: "),
        (edit(CLASSIFIER, lambda c: c.update(runs=[])), "runs: "),
        (edit("classifiers/digits/layers/model.json", lambda c: c["layers"][0].update(units=9)),
         "model.json declares"),
        (tensors(with_nan, RUN), "must be finite"),
        (tensors(lambda t: t.pop("head.bias"), RUN), "found absent"),
        (tensors(lambda t: t.update(more=torch.ones(2)), RUN), "must be absent"),
        (instead(RUN, os.mkfifo), "found a pipe"),
    ],
)  # fmt: skip
def test_hostile_classifiers(spoil, line, taught):
    spoil(taught)
    refused("digits", taught, line)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.sampled_from([MODEL, META, WEIGHTS]),
    st.integers(0, 10**6),
    st.binary(max_size=12),
    st.integers(0, 12),
)
def test_any_damage_is_one_line_or_none(artifacts, name, place, bytes_, removed):
    path = artifacts / name
    whole = path.read_bytes()
    place %= len(whole)
    try:
        path.write_bytes(whole[:place] + bytes_ + whole[place + removed :])
        load("pca-5", artifacts, verify=False).encode(np.zeros((1, 8, 8), np.uint8))
    except UserError as error:
        assert str(error).isprintable()  # noqa: PT017
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("cached", [True, False])
def test_meta_json_must_be_what_dvc_recorded(artifacts, cached):
    """By the list of files in DVC's cache, so that large arrays are not read; else by all files."""
    folder, root = artifacts / "prepared/tiny", artifacts.parent
    md5 = folder_md5(folder)
    out = f"outs: [{{path: artifacts/prepared/tiny, md5: {md5}}}]"
    (root / "dvc.lock").write_text(f"stages: {{prepare@tiny: {{{out}}}}}\n")
    if cached:
        files = sorted(path for path in folder.iterdir())
        listed = [{"md5": folder_md5_of(path), "relpath": path.name} for path in files]
        place = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(listed, sort_keys=True))
    assert load("pca-5", artifacts).code_size == 5
    if cached:
        (folder / "train_inputs.npy").write_bytes(b"others need not be read")
        check_recorded(folder / "meta.json", "prepare@tiny")
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"classes": ["9", "1", "2", "3"]}))
    with pytest.raises(UserError, match=r"must be what dvc\.lock rec"):
        load("pca-5", artifacts)
    assert load("pca-5", artifacts, verify=False).code_size == 5


def folder_md5_of(path):
    import hashlib

    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
