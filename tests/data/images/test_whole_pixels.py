"""Pictures whose pixels are whole, whatever is wrong beside them, against the untouched file."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ae_lightning.data.images.decode import read_picture
from ae_lightning.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 31, 3)).astype(np.uint8)


def encoded(kind, mode="RGB", **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(file, kind, **options)
    return file.getvalue()


def chunk(kind, content, checksum=None):
    checksum = zlib.crc32(kind + content) if checksum is None else checksum
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


TURNED = Image.Exif()
TURNED[0x0112] = 6
PNG = encoded("png", exif=TURNED)
JPEG = encoded("jpeg", exif=TURNED)
PROGRESSIVE = encoded("jpeg", progressive=True)
RESTARTS = encoded("jpeg", restart_marker_rows=1)
CMYK = encoded("jpeg", "CMYK")
PALETTE = encoded("png", "P", transparency=3)
BMP = encoded("bmp")  # three bytes of padding end each row
LONG = b"a" * 3_000_000


def png(*chunks, of=PNG):
    """A PNG with chunks behind its header, which takes 33 bytes."""
    return of[:33] + b"".join(chunks) + of[33:]


def jpeg(*segments, of=JPEG):
    return of[:2] + b"".join(segments) + of[2:]


WHOLE = {
    "long text": (PNG, png(chunk(b"tEXt", b"k\0" + LONG))),
    "long text packed": (PNG, png(chunk(b"zTXt", b"k\0\0" + zlib.compress(LONG)))),
    "long international text": (PNG, png(chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(LONG)))),
    "checksum of a text": (PNG, png(chunk(b"tEXt", b"k\0v", checksum=1))),
    "no ICC": (PNG, png(chunk(b"iCCP", b""))),
    "ICC that is a bomb": (PNG, png(chunk(b"iCCP", b"x\0\0" + zlib.compress(LONG)))),
    "ICC of a palette": (PALETTE, png(chunk(b"iCCP", b"x\0\7"), of=PALETTE)),
    "short gamma": (PNG, png(chunk(b"gAMA", b""))),
    "short resolution": (PNG, png(chunk(b"pHYs", b"\0"))),
    "short animation": (PNG, png(chunk(b"acTL", b""))),
    "broken EXIF": (PALETTE, png(chunk(b"eXIf", b"none"), chunk(b"sRGB", b""), of=PALETTE)),
    "rubbish behind the pixels": (PNG, PNG[:-12] + b"zzzz" * 9),
    "PNG without its end": (PNG, PNG[:-12]),
    "PNG without its end and short gamma": (PNG, png(chunk(b"gAMA", b""))[:-12]),
    "short ICC": (JPEG, jpeg(segment(0xE2, b"ICC_PROFILE\0"))),
    "short JFIF": (JPEG, jpeg(segment(0xE0, b"JFIF"))),
    "short Adobe": (JPEG, jpeg(segment(0xEE, b"Adobe"))),
    "broken XMP": (JPEG, jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:"))),
    "comment": (JPEG, jpeg(segment(0xFE, b"\xff\xd8\xff"), segment(0xEE, b"Adobe"))),
    "JPEG without its end": (JPEG, JPEG[:-2]),
    "JPEG with half its end": (JPEG, JPEG[:-1]),
    "JPEG with rubbish behind": (JPEG, JPEG + b"rubbish" * 9),
    "progressive without its end": (PROGRESSIVE, PROGRESSIVE[:-2]),
    "restarts without the end": (RESTARTS, RESTARTS[:-2]),
    "CMYK without its end": (CMYK, CMYK[:-2]),
    "CMYK and a short ICC": (CMYK, jpeg(segment(0xE2, b"ICC_PROFILE\0"), of=CMYK)),
    "BMP without its padding": (BMP, BMP[:-3]),
}


@pytest.mark.parametrize(("whole", "spoilt"), WHOLE.values(), ids=WHOLE)
def test_whole_pixels_are_read_as_from_the_untouched_file(tmp_path, whole, spoilt):
    for name, content in (("whole", whole), ("spoilt", spoilt)):
        (tmp_path / name).write_bytes(content)
    shape = (31, 24, 3)
    expected = read_picture(tmp_path / "whole", shape)
    assert expected.std() > 20
    assert np.array_equal(read_picture(tmp_path / "spoilt", shape), expected)


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_an_orientation_that_is_none_turns_nothing(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, options in (("plain", {}), ("odd", {"exif": exif})):
        (tmp_path / name).write_bytes(encoded(kind, **options))
    plain, odd = (read_picture(tmp_path / name, PIXELS.shape) for name in ("plain", "odd"))
    assert np.array_equal(odd, plain)


FORMATS = {"png": PNG, "palette": PALETTE, "jpeg": JPEG, "restarts": RESTARTS, "bmp": BMP}


@given(st.sampled_from([*FORMATS]), st.floats(0, 1), st.booleans())
def test_what_is_cut_is_whole_or_refused(tmp_path_factory, name, share, near_the_end):
    """At no length are missing pixels made up."""
    content, path = FORMATS[name], tmp_path_factory.getbasetemp() / "cut"
    shape = (31, 24, 3) if name in ("png", "jpeg") else PIXELS.shape
    path.write_bytes(content)
    expected = read_picture(path, shape)
    length = len(content) - int(share * 40) if near_the_end else int(share * len(content))
    path.write_bytes(content[:length])
    read, said = expected, "one line"
    try:
        read = read_picture(path, shape)
    except UserError as error:
        said = str(error)
    assert np.array_equal(read, expected)
    assert len(said.splitlines()) == 1


@given(st.sampled_from([*FORMATS]), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3))))
def test_no_bytes_give_a_traceback(tmp_path_factory, name, changes):
    content, path = FORMATS[name], tmp_path_factory.getbasetemp() / "changed"
    for share, inserted in changes:
        place = int(share * len(content))
        content = content[:place] + inserted + content[place + 1 :]
    path.write_bytes(content)
    said = "one line"
    try:
        assert read_picture(path, (5, 4)).shape == (5, 4)
    except UserError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
