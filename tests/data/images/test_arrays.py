import gzip
import io
import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ae_lightning.config.datasets import Images
from ae_lightning.data.images.arrays import FORMATS, open_parts, read_idx, read_npy
from ae_lightning.errors import UserError


def idx_bytes(array):
    """IDX of unsigned bytes by its specification: magic, big-endian sizes, the bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


BYTES = {"idx": idx_bytes, "npy": npy_bytes}


@pytest.mark.parametrize("shape", [(7,), (2, 3), (300, 2, 3), (2, 3, 2, 2), (0, 3, 2)])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_read_as_it_was_written(tmp_path, kind, shape):
    array = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    (tmp_path / "a").write_bytes(BYTES[kind](array))
    read = FORMATS[kind].read(tmp_path / "a")
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


SMALL = np.arange(6, dtype=np.uint8).reshape(3, 2)
GOOD = idx_bytes(SMALL)
BROKEN_IDX = {
    "gzip": b"\x1f\x8b\x08" + GOOD,
    "magic": b"\x00\x01" + GOOD[2:],
    "type": GOOD[:2] + b"\x0d" + GOOD[3:],
    "too long": GOOD + b"\x00",
    **{f"first {size} bytes": GOOD[:size] for size in range(len(GOOD))},
}


def archive():
    buffer = io.BytesIO()
    np.savez(buffer, images=SMALL)
    return buffer.getvalue()


def pickled():
    buffer = io.BytesIO()
    np.save(buffer, np.array([SMALL, None], dtype=object), allow_pickle=True)
    return buffer.getvalue()


BROKEN_NPY = {
    "text": b"no array\n",
    "archive": archive(),
    "objects": pickled(),
    **{f"first {size} bytes": npy_bytes(SMALL)[:size] for size in (0, 1, 6, 9, 60, 128, 133)},
}


@pytest.mark.parametrize(
    ("read", "content"),
    [(read_idx, content) for content in BROKEN_IDX.values()]
    + [(read_npy, content) for content in BROKEN_NPY.values()],
    ids=[*(f"idx {name}" for name in BROKEN_IDX), *(f"npy {name}" for name in BROKEN_NPY)],
)
def test_a_broken_file_gets_one_line(tmp_path, read, content):
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [read_idx, read_npy])
def test_a_missing_file_says_how_to_get_it(tmp_path, read):
    with pytest.raises(UserError, match=r"a/images: not found; put it there or correct the path"):
        read(tmp_path / "a" / "images")
    with pytest.raises(UserError, match=r"mnist/images: not found; run: ae fetch mnist"):
        read(tmp_path / "mnist" / "images")


def raw(folder, kind, **changed):
    """Files of 6 training and 4 test images of 3 by 2 with labels, other arrays if given."""
    arrays = {}
    for part, count in (("train", 6), ("test", 4)):
        arrays[f"{part}_images"] = np.ones((count, 3, 2), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count).astype(np.uint8)
    for name, array in (arrays | changed).items():
        part, _, what = name.partition("_")
        file = FORMATS[kind].files[part][what == "labels"]
        if array is not None:
            (folder / file).write_bytes(BYTES[kind](array))
    return Images(kind=kind, path=folder)


@pytest.mark.parametrize("kind", FORMATS)
def test_parts_are_counted(tmp_path, kind):
    parts = open_parts(raw(tmp_path, kind))
    assert [(part.count, part.shape, part.classes) for part in parts.values()] == [
        (6, (3, 2), 6),
        (4, (3, 2), 4),
    ]


@pytest.mark.parametrize(
    ("shape", "expected"), [((3, 2), (3, 2)), ((3, 2, 1), (3, 2)), ((3, 2, 3), (3, 2, 3))]
)
@pytest.mark.parametrize("kind", FORMATS)
def test_grey_may_have_a_channel_and_colour_has_three(tmp_path, kind, shape, expected):
    images = {
        f"{part}_images": np.zeros((count, *shape), np.uint8)
        for part, count in (("train", 6), ("test", 4))
    }
    parts = open_parts(raw(tmp_path, kind, **images))
    assert {part.shape for part in parts.values()} == {expected}


@pytest.mark.parametrize("kind", FORMATS)
def test_without_labels_there_are_none(tmp_path, kind):
    parts = open_parts(raw(tmp_path, kind, train_labels=None, test_labels=None))
    assert [(part.labels, part.classes) for part in parts.values()] == [(None, 0), (None, 0)]


def test_labels_may_be_of_any_integer_type_and_in_a_column(tmp_path):
    labels = {
        "train_labels": np.arange(6).reshape(6, 1),
        "test_labels": np.array([0, 300, 1, 2], np.int16),
    }
    parts = open_parts(raw(tmp_path, "npy", **labels))
    assert [part.classes for part in parts.values()] == [6, 301]


IMAGES = r"images must be uint8 .* found "
LABELS = r"labels must be "
WRONG = {
    "floats": ({"train_images": np.zeros((6, 3, 2))}, IMAGES + r"float64 \(6, 3, 2\); convert"),
    "flat": ({"test_images": np.zeros((4, 6), "u1")}, rf"test_images\.npy: {IMAGES}uint8 \(4, 6\)"),
    "channels": ({"train_images": np.zeros((6, 3, 2, 4), "u1")}, IMAGES + r".*\(6, 3, 2, 4\)"),
    "scalar": ({"train_images": np.uint8(3)}, IMAGES + r"uint8 \(\)"),
    "no images": (
        {"test_images": np.zeros((0, 3, 2), "u1")},
        r"test_images\.npy: must hold images, found \(0, 3, 2\)",
    ),
    "no pixels": ({"test_images": np.zeros((4, 0, 2), "u1")}, "must hold images"),
    "sizes": (
        {"test_images": np.zeros((4, 3, 2, 3), "u1")},
        r"of one size, found \(3, 2\) in train and \(3, 2, 3\) in test",
    ),
    "half labelled": (
        {"test_labels": None},
        r"labels or none, found train_labels\.npy and no test_labels\.npy",
    ),
    "other half": ({"train_labels": None}, r"found test_labels\.npy and no train_labels\.npy"),
    "count": ({"train_labels": np.zeros(5, int)}, "found 6 images and 5 labels in train"),
    "one-hot": ({"train_labels": np.eye(6, dtype=int)}, LABELS + r"whole .* int64 \(6, 6\)"),
    "float labels": ({"train_labels": np.zeros(6)}, LABELS + r"whole numbers .* float64 \(6,\)"),
    "one label": ({"train_labels": np.int64(3)}, LABELS + r"whole numbers .* int64 \(\)"),
    "negative": ({"test_labels": np.array([0, -1, 2, 3])}, LABELS + "numbers from 0 .* found -1;"),
    "huge": ({"test_labels": np.array([0, 1, 2, 70000])}, LABELS + "numbers .* found 70000;"),
}


@pytest.mark.parametrize(("changed", "said"), WRONG.values(), ids=WRONG)
def test_arrays_that_do_not_fit_get_one_line(tmp_path, changed, said):
    with pytest.raises(UserError, match=said) as caught:
        open_parts(raw(tmp_path, "npy", **changed))
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<i2", ">i2", "<u4", ">i8", "u1"])
def test_any_order_of_bytes_and_axes_is_read_as_its_numbers(tmp_path, kind, order):
    images = np.asarray(np.random.default_rng(2).integers(0, 256, (6, 3, 2)), "u1", order=order)
    labels = np.asarray(np.arange(6)[:, None], kind, order=order)
    parts = open_parts(raw(tmp_path, "npy", train_images=images, train_labels=labels))
    train = parts["train"]
    assert train.classes == 6
    assert np.array_equal(np.concatenate([*train.images.blocks(0, 6)]), images)
    assert np.array_equal(np.concatenate([*train.labels.blocks(0, 6)]), labels)


def picture(kind):
    buffer = io.BytesIO()
    Image.fromarray(SMALL).save(buffer, kind)
    return buffer.getvalue()


CONTENTS = {
    "IDX": (GOOD, "an IDX file"),
    "NPY": (npy_bytes(SMALL), "an NPY file"),
    "NPZ": (archive(), r"an archive \(zip or NPZ\)"),
    "gzip": (gzip.compress(GOOD), "compressed by gzip"),
    "pickle": (pickle.dumps(SMALL), "a pickle"),
    "PNG": (picture("png"), "a PNG picture"),
    "JPEG": (picture("jpeg"), "a JPEG picture"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", CONTENTS)
def test_what_a_file_is_instead_is_said(tmp_path, kind, name):
    content, said = CONTENTS[name]
    (tmp_path / "a").write_bytes(content)
    if name.lower() == kind:
        assert np.array_equal(FORMATS[kind].read(tmp_path / "a"), SMALL)
        return
    with pytest.raises(UserError, match=said):
        FORMATS[kind].read(tmp_path / "a")


@pytest.mark.parametrize("read", [read_idx, read_npy])
def test_what_is_no_file_gets_one_line_and_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    for name in ("pipe", "device", "folder"):
        with pytest.raises(UserError, match=f"{name}: must be a file, found something else"):
            read(tmp_path / name)
    with pytest.raises(UserError, match=r"circle: cannot be read \(Too many levels"):
        read(tmp_path / "circle")


@pytest.mark.parametrize(
    ("kind", "absent", "there"),
    [
        ("npy", "test_images.npy", "test_images.npz"),
        ("npy", "train_images.npy", "train_images.npy.gz"),
        ("idx", "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"),
        ("idx", "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    ],
)
def test_a_file_of_nearly_the_name_is_named(tmp_path, kind, absent, there):
    dataset = raw(tmp_path, kind)
    (tmp_path / absent).rename(tmp_path / there)
    said = rf"{absent}: not found; there is {there}: unpack or convert it, or put it there"
    with pytest.raises(UserError, match=said):
        open_parts(dataset)


def test_labels_behind_a_broken_link_are_not_taken_for_none(tmp_path):
    dataset = raw(tmp_path, "npy", train_labels=None, test_labels=None)
    for part in ("train", "test"):
        (tmp_path / f"{part}_labels.npy").symlink_to("away.npy")
    with pytest.raises(UserError, match=r"train_labels\.npy: not found"):
        open_parts(dataset)


HEADERS = st.tuples(
    st.sampled_from(["|u1", ">f4", "<i8", "|O", "|V3", "<U9", "|b1", "<M8[s]", "nonsense"]),
    st.booleans(),
    st.lists(st.integers(-1, 2**70) | st.integers(0, 4), max_size=70).map(tuple),
)


def npy_of(header):
    descr, order, shape = header
    text = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n"


BEGINNINGS = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=40).map(lambda rest: b"\x93NUMPY\x01\x00" + rest),
    HEADERS.map(npy_of),
    st.lists(st.integers(0, 2**32 - 1) | st.integers(0, 3), max_size=99).map(
        lambda sizes: struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)
    ),
)


@given(st.sampled_from([*FORMATS]), BEGINNINGS, st.binary(max_size=64))
def test_any_bytes_are_an_array_of_them_or_refused_in_one_line(tmp_path_factory, kind, begin, rest):
    path, said = tmp_path_factory.getbasetemp() / "any bytes", "one line"
    path.write_bytes(begin + rest)
    try:
        assert np.asarray(FORMATS[kind].read(path)).nbytes <= len(begin + rest)
    except UserError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
