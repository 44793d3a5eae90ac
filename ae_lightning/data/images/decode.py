"""Decoding of picture files of any format, size and mode to arrays of one shape.

A file that Pillow cannot read gives an error of one line: which file, and why.
"""

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ae_lightning.data.images.whole_pixels import mended
from ae_lightning.errors import UserError

with suppress(ModuleNotFoundError):
    from pillow_heif import register_heif_opener

    register_heif_opener()

SUFFIXES = frozenset(
    f".{name}"
    for names in (
        "apng avif avifs bmp bw cur dcx dds dib fit fits flc fli ftc ftu gif heic heif icns ico im",
        "j2c j2k jfif jp2 jpc jpe jpeg jpf jpg jpx mpo msp pbm pcd pcx pfm pgm png pnm ppm psd pxr",
        "qoi ras rgb rgba sgi tga tif tiff vda vst webp xbm xpm",
    )
    for name in names.split()
)
"""Suffixes of pictures in a folder: raster formats that Pillow reads, and HEIC, for which it needs
the extra ``heic``, so that without it they are counted and not overlooked."""
HEIC = {".heic", ".heif"}
BEGINNINGS = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF.{4}WEBP", re.DOTALL)
"""First bytes of pictures whose suffix may be missing or another's: PNG, JPEG, GIF, WebP."""

VECTORS = ("EPS", "WMF")
"""Drawings without pixels: Pillow would start another program to paint them."""

CUSTOMARY = {"I": (255, 65535), "F": (1, 255, 65535)}
"""Candidate values of white in modes that do not define it (32-bit integers, floats)."""


def read_picture(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a picture as bytes of ``shape``, ``(height, width)`` grey or ``(height, width, 3)`` RGB.

    Its kind is told by its contents; broken metadata and a missing end behind the last pixel are
    passed over. It is turned upright as its EXIF data say, its transparent parts become white, its
    range 0..255 (:func:`shallow`), and of an animation its first frame is taken. Then it is scaled,
    antialiased, to just cover ``shape``, and cut to it around the centre.

    Raises:
        UserError: the file is absent, no file, empty, no picture, incomplete, or too large.
    """
    _check_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata: the pixels are what counts
            return _read_anyway(path, (shape[1], shape[0]), "RGB" if len(shape) == 3 else "L")
    except Image.DecompressionBombError as error:
        pixels = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise _unreadable(path, f"of at most {pixels:,} pixels", "more", "make it smaller") from (
            error
        )
    except UnidentifiedImageError as error:
        if path.suffix.lower() in HEIC and ".heic" not in Image.registered_extensions():
            found, remedy = "HEIC without the extra", "pip install 'ae-lightning[heic]'"
            raise _unreadable(path, "that Pillow can read", found, remedy) from error
        raise _unreadable(path, "that Pillow can read", "something else") from error
    except Exception as error:  # decoders that meet a broken file raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise _unreadable(path, "that is whole", f"a broken one ({reason})") from error


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its suffix or, with another or none, by its first bytes."""
    return path.suffix.lower() in SUFFIXES or _begins_as_picture(path)


def _begins_as_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return bool(BEGINNINGS.match(file.read(12)))
    except OSError:
        return False


def read_pictures(
    folder: Path, shape: tuple[int, ...], files: Sequence[str]
) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Read the pictures ``files`` of a folder: those that can be read ``(read, *shape)``.

    And, for each of the others, why it cannot.
    """
    images, problems = [], {}
    for file in files:
        try:
            images.append(read_picture(folder / file, shape))
        except UserError as error:
            problems[file] = str(error).removeprefix(f"{folder / file}: ")
    return np.array(images, dtype=np.uint8).reshape(len(images), *shape), problems


def _check_file(path: Path) -> None:
    if not path.exists():
        raise _unreadable(path, "that is there", "none", "correct the path")
    if not path.is_file():
        found = "a folder" if path.is_dir() else "something else"
        raise _unreadable(path, "in one file", found, "name the file")
    if path.stat().st_size == 0:
        raise _unreadable(path, "that Pillow can read", "an empty file")


def _unreadable(path: Path, rule: str, found: str, remedy: str = "replace the file") -> UserError:
    return UserError(f"{path}: must be a picture {rule}, found {found}; {remedy}")


def _read_anyway(path: Path, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    """Read a picture; where only its metadata or its end are broken, without them."""
    try:
        return _read(path, size, mode)
    except Image.DecompressionBombError:
        raise
    except Exception as error:
        if isinstance(error, UnidentifiedImageError) and not _begins_as_picture(path):
            raise
        with suppress(Exception):
            if (pixels := mended(path.read_bytes())) is not None:
                return _read(BytesIO(pixels), size, mode)
        raise


def _read(path: Path | BytesIO, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        if picture.format in VECTORS:
            raise UnidentifiedImageError
        # A JPEG far larger than needed is decoded at a half, a quarter or an eighth: faster, and
        # twice the size that is asked for leaves the antialiasing its work.
        picture.draft(None, (2 * max(size),) * 2)
        # Of a PGM with any maximum beyond 255 Pillow makes integers up to 65,535.
        white = 65535 if (picture.format, picture.mode) == ("PPM", "I") else None
        picture.load()
        flat = _opaque(shallow(_upright(picture), white)).convert(mode)
    return np.array(ImageOps.fit(flat, size, Image.Resampling.LANCZOS), dtype=np.uint8)


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # its EXIF data are broken, its pixels are not
        return picture


def shallow(picture: Image.Image, white: float | None = None) -> Image.Image:
    """A grey picture of 16 or 32 bits converted to 8, black 0 and white 255; others unchanged.

    White is 65,535 in 16 bits (65535 / 257 = 255). 32-bit integers and floats do not say what their
    white is, unless it is given: the smallest customary one (1 for floats, 255, 65535) that is not
    below any value; failing that, or with negative values, the least is black, the greatest white.
    What is not finite counts as 0.
    """
    sixteen = picture.mode.startswith("I;16")
    if not sixteen and picture.mode not in CUSTOMARY:
        return picture
    values = np.nan_to_num(np.asarray(picture).astype(np.float64), posinf=0, neginf=0)
    low, high = values.min(), values.max()
    whites = (65535.0,) if sixteen else (white,) if white else CUSTOMARY[picture.mode]
    fits = [value for value in whites if low >= 0 and high <= value]
    black, top = (0.0, fits[0]) if fits else (low, max(high, np.nextafter(low, np.inf)))
    return Image.fromarray(np.rint((values - black) * (255 / (top - black))).astype(np.uint8))


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture composited over white, in a mode that converts to any other."""
    if picture.mode == "LAB":
        profiles = (ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"))
        converted = ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
        assert converted is not None
        return converted
    if not picture.has_transparency_data:
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
