import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from ae_lightning.data.images.decode import SUFFIXES, read_picture, read_pictures
from ae_lightning.errors import UserError

ROOT = Path(__file__).parents[3]
RAMP = np.linspace(0, 1, 16 * 12).reshape(16, 12)  # black to white
GREY = np.rint(255 * RAMP).astype(np.uint8)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)


def saved(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "values"),
    [
        ("png", GREY),
        ("png", np.rint(65535 * RAMP).astype(np.uint16)),
        ("tif", np.rint(65535 * RAMP).astype(np.uint16)),
        ("pgm", np.rint(65535 * RAMP).astype(np.uint16)),
        ("tif", GREY.astype(np.int32)),
        ("tif", np.rint(65535 * RAMP).astype(np.int32)),
        ("tif", np.rint(1e9 * RAMP).astype(np.int32)),
        ("tif", np.rint(1e6 * (RAMP - 0.5)).astype(np.int32)),
        ("tif", RAMP.astype(np.float32)),
        ("pfm", RAMP.astype(np.float32)),
        ("tif", (255 * RAMP).astype(np.float32)),
        ("tif", (65535 * RAMP).astype(np.float32)),
        ("tif", (RAMP - 3).astype(np.float32)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype}-{value.max():.4g}",
)
def test_every_depth_of_grey_is_a_ramp_from_black_to_white(tmp_path, suffix, values):
    read = read_picture(saved(tmp_path / f"a.{suffix}", values), GREY.shape)
    assert read.dtype == np.uint8
    assert np.abs(read - 255 * RAMP).max() <= 0.51


def test_dark_16_bit_greys_stay_dark(tmp_path):
    """Their white is known, so a low maximum is no reason to brighten."""
    for suffix in ("png", "tif", "pgm"):
        path = saved(tmp_path / f"a.{suffix}", np.full((4, 4), 257 * 20, np.uint16))
        assert read_picture(path, (4, 4)).tolist() == [[20] * 4] * 4


def test_a_pgm_of_a_maximum_of_its_own_is_scaled_by_it(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1000\n" + np.array([1000, 200], ">u2").tobytes())
    assert read_picture(tmp_path / "a.pgm", (1, 2)).tolist() == [[255, 51]]


@pytest.mark.parametrize(
    "values", [np.full((3, 3), 1e9), np.full((3, 3), np.nan), np.full((3, 3), np.inf)]
)
def test_greys_without_a_range_are_black(tmp_path, values):
    path = saved(tmp_path / "a.tif", values.astype(np.float32))
    assert not read_picture(path, (3, 3)).any()


@pytest.mark.parametrize(
    ("suffix", "mode", "options", "tolerance"),
    [
        ("png", "RGB", {}, 0),
        ("png", "RGBA", {}, 0),
        ("bmp", "RGB", {}, 0),
        ("tga", "RGB", {}, 0),
        ("qoi", "RGB", {}, 0),
        ("tif", "CMYK", {}, 0),  # Pillow takes no black out, so this loses nothing
        ("jpg", "CMYK", {"quality": 100, "subsampling": 0}, 8),
        ("jpg", "RGB", {"quality": 100, "subsampling": 0}, 8),
        ("tif", "YCbCr", {}, 3),
        ("webp", "RGB", {"lossless": True}, 0),
        ("gif", "P", {}, 52),  # 216 colours, six a channel
    ],
)
def test_every_mode_of_colour_is_its_colours(tmp_path, suffix, mode, options, tolerance):
    path = saved(tmp_path / f"a.{suffix}", RGB, mode, **options)
    read = read_picture(path, RGB.shape).astype(int)
    assert np.abs(read - RGB).max() <= tolerance


def test_lab_is_its_colours(tmp_path):
    profiles = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    lab = ImageCms.profileToProfile(Image.fromarray(RGB), *profiles, outputMode="LAB")
    lab.save(tmp_path / "a.tif")
    # Some of the colours are at the edge of what a byte a channel of LAB can say.
    assert np.abs(read_picture(tmp_path / "a.tif", RGB.shape).astype(int) - RGB).mean() < 4


def test_black_and_white(tmp_path):
    bits = np.random.default_rng(0).random((16, 12)) < 0.5
    read = read_picture(saved(tmp_path / "a.png", bits), (16, 12))
    assert np.array_equal(read, 255 * bits)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "1", "I;16"])
def test_grey_becomes_three_equal_channels(tmp_path, mode):
    name = "a.tif" if mode == "PA" else "a.png"
    array = GREY.astype(np.uint16) * 257 if mode == "I;16" else GREY
    path = saved(tmp_path / name, array, None if mode == "I;16" else mode)
    colour, grey = read_picture(path, RGB.shape), read_picture(path, GREY.shape)
    assert all(np.array_equal(colour[:, :, channel], grey) for channel in range(3))


def test_colours_become_grey_by_their_luma(tmp_path):
    """ITU-R 601: 0.299 red, 0.587 green, 0.114 blue."""
    read = read_picture(saved(tmp_path / "a.png", RGB), GREY.shape)
    assert np.abs(read - RGB @ [0.299, 0.587, 0.114]).max() <= 0.51


def test_transparent_parts_are_white(tmp_path):
    alpha = GREY[:, :, None]
    path = saved(tmp_path / "a.png", np.concatenate([RGB, alpha], axis=2))
    expected = 255 - (255.0 - RGB) * alpha / 255
    assert np.abs(read_picture(path, RGB.shape) - expected).max() <= 1
    path = saved(tmp_path / "la.png", np.stack([GREY, GREY], axis=2))
    expected = 255 - (255.0 - GREY) * GREY / 255
    assert np.abs(read_picture(path, GREY.shape) - expected).max() <= 1


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_one_colour_may_be_the_transparent_one(tmp_path, mode):
    black = (0, 0, 0) if mode == "RGB" else 0
    path = saved(tmp_path / "a.png", np.zeros((3, 3), np.uint8), mode, transparency=black)
    assert read_picture(path, (3, 3)).tolist() == [[255] * 3] * 3


# The picture as seen for each EXIF orientation, from the one stored (EXIF 2.3, tag 0x0112): where
# its first row and first column are.
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: lambda stored: np.rot90(stored, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("stored", [GREY, GREY.astype(np.uint16) * 257], ids=["8", "16 bits"])
def test_exif_turns_the_picture_upright(tmp_path, orientation, stored):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", stored, exif=exif)
    seen = UPRIGHT[orientation](GREY)
    assert np.array_equal(read_picture(path, seen.shape), seen)


def test_broken_exif_spoils_no_pixels(tmp_path):
    for exif in (b"Exif\0\0II*\0\x08\0\0\0\xff\xffxxx", b"Exif\0\0nonsense"):
        path = saved(tmp_path / "a.png", GREY, exif=exif)
        assert np.array_equal(read_picture(path, GREY.shape), GREY)


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.fromarray(np.full((4, 4), grey, np.uint8)) for grey in (40, 200)]
    for suffix in ("gif", "png", "tif"):
        path = tmp_path / f"a.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert read_picture(path, (4, 4)).tolist() == [[40] * 4] * 4


def test_the_middle_is_cut_out_and_covers_the_size(tmp_path):
    """Of red, green and blue thirds the middle square is green, whichever way they lie."""
    thirds = np.repeat(np.eye(3, dtype=np.uint8) * 255, 30, axis=0)[None].repeat(30, axis=0)
    for name, array in (("wide", thirds), ("high", thirds.transpose(1, 0, 2))):
        path = saved(tmp_path / f"{name}.png", array)
        for side in (5, 30, 70):
            read = read_picture(path, (side, side, 3))
            inner = read[1:-1, 1:-1].astype(int)  # antialiasing looks a little across the cut
            assert np.abs(inner - [0, 255, 0]).max() < 10


def test_small_is_antialiased(tmp_path):
    """Stripes finer than a pixel become their mean; picking pixels would leave stripes."""
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    read = read_picture(saved(tmp_path / "a.png", stripes), (9, 9))
    assert np.abs(read.astype(int) - 127.5).max() < 16


def test_a_large_jpeg_is_as_if_decoded_whole(tmp_path):
    """It is decoded at an eighth of its size, which must not be seen."""
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    large = Image.fromarray(small).resize((800, 600), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as picture:
        whole = np.array(ImageOps.fit(picture, (32, 24), Image.Resampling.LANCZOS)).astype(int)
    assert np.abs(read_picture(tmp_path / "a.jpg", (24, 32, 3)) - whole).max() <= 4


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_any_size_is_brought_to_the_one_asked_for(tmp_path, size):
    path = saved(tmp_path / "a.png", np.full(size, 77, np.uint8))
    assert read_picture(path, (8, 6)).tolist() == [[77] * 6] * 8


def whole(suffix):
    def write(path):
        saved(
            path.with_suffix(suffix), np.random.default_rng(0).integers(0, 256, (40, 40, 3), "u1")
        )
        return path.with_suffix(suffix).read_bytes()

    return write


TRUNCATED = {
    f"{share:.0%} of a {suffix}": (share, whole(suffix))
    for suffix in (".png", ".jpg", ".gif", ".bmp", ".webp", ".tif", ".ppm")
    for share in (0.1, 0.6)
}


@pytest.mark.parametrize(("share", "content"), TRUNCATED.values(), ids=TRUNCATED)
def test_what_is_truncated_gets_one_line(tmp_path, share, content):
    whole = content(tmp_path / "whole")
    path = tmp_path / "cut.png"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError) as caught:
        read_picture(path, (8, 8))
    assert str(caught.value).startswith(f"{path}: must be a picture that ")
    assert "\n" not in str(caught.value)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
NO_PICTURES = {
    "text": (b"a cat\n" * 40, "can read, found something else; replace"),
    "empty": (b"", "can read, found an empty file; replace"),
    "program": (EPS, "can read, found something else"),
    "bomb": (b"P5 60000 60000 255\n", r"of at most 178,956,970 pixels, found more; make it smal"),
}


@pytest.mark.parametrize(("content", "said"), NO_PICTURES.values(), ids=NO_PICTURES)
def test_what_is_no_picture_gets_one_line(tmp_path, content, said):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match=rf"a\.png: must be a picture .*{said}") as caught:
        read_picture(tmp_path / "a.png", (8, 8))
    assert "\n" not in str(caught.value)


def test_absent_files_and_folders_get_one_line(tmp_path):
    with pytest.raises(UserError, match="must be a picture that is there, found none; correct"):
        read_picture(tmp_path / "absent.png", (8, 8))
    with pytest.raises(UserError, match="must be a picture in one file, found a folder"):
        read_picture(tmp_path, (8, 8))


def test_of_several_the_good_ones_are_read_and_the_bad_ones_told(tmp_path):
    for name, grey in (("a.png", 1), ("c.png", 3)):
        saved(tmp_path / name, np.full((2, 2), grey, np.uint8))
    (tmp_path / "b.png").write_bytes(b"")
    read, problems = read_pictures(tmp_path, (2, 2), ["c.png", "b.png", "a.png"])
    assert read[:, 0, 0].tolist() == [3, 1]
    assert list(problems) == ["b.png"]
    assert problems["b.png"].startswith("must be a picture")
    assert read_pictures(tmp_path, (2, 2, 3), ["b.png"])[0].shape == (0, 2, 2, 3)


def test_suffixes_are_those_that_pillow_reads_as_pixels():
    """Those of HEIC with the extra; MPO is known to it as JPEG."""
    Image.init()
    known = {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    assert SUFFIXES - known == {".mpo"}
    assert {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm"} <= SUFFIXES
    assert not SUFFIXES & {".eps", ".ps", ".wmf", ".emf", ".mpg", ".h5"}


def test_heic_is_read_as_what_it_shows(tmp_path):
    read = read_picture(saved(tmp_path / "a.heic", RGB, quality=100, chroma=444), RGB.shape)
    assert np.abs(read.astype(int) - RGB).max() <= 6  # it is lossy


def test_heic_without_the_extra_says_so(tmp_path):
    saved(tmp_path / "a.heic", RGB)
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from pathlib import Path\n"
        "from ae_lightning.data.images.decode import read_picture\n"
        f"read_picture(Path({str(tmp_path / 'a.heic')!r}), (2, 2))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.endswith(
        "a.heic: must be a picture that Pillow can read, found HEIC without the extra; "
        "pip install 'ae-lightning[heic]'\n"
    )
