"""Picture files whose pixels are whole beside broken metadata or a missing end, mended."""

import io
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
JPEG_END = b"\xff\xd9"
KEPT = {b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT"}
"""Chunks of a PNG that say what is seen; eXIf says which side is up."""
START_OF_SCAN, COMMENT, METADATA, FRAMES = 0xDA, 0xFE, range(0xE0, 0xF0), (0xC0, 0xC1, 0xC2)
KEPT_METADATA = {0xE1: b"Exif\0\0", 0xEE: b"Adobe"}
"""Metadata of a JPEG that say which side is up, and what its colours are."""
PADS = (b"\xff\0" * 32, *(bytes([bits]) * 64 for bits in (0, 0x33, 0x55, 0x6D, 0x99, 0xAA, 0xCC)))
"""Ends that begin with every pair of bits, of which one at most may be a JPEG's end of a block."""


def mended(content: bytes) -> bytes | None:
    """A file with the pixels of ``content`` and little else; None where pixels are missing.

    A PNG keeps :data:`KEPT`, a JPEG its tables, scans, EXIF data and Adobe's kind of colours. What
    may be missing at the end is filled in several ways: if the picture is the same each time, none
    of its pixels was there.
    """
    if content.startswith(PNG):
        return PNG + b"".join(_chunks(content))
    end = b""
    if content.startswith(JPEG):
        content, end = _without_metadata(content), JPEG_END
    copies = [content + pad + end for pad in PADS]
    pictures = [_decoded(copy) for copy in copies]
    return copies[0] if all(picture == pictures[0] for picture in pictures) else None


def _decoded(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        return picture.copy()


def _chunks(content: bytes) -> Iterator[bytes]:
    """Chunks to keep (PNG 3rd edition, 5.3), but for metadata of a wrong checksum."""
    place = len(PNG)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        chunk = content[place : place + length + 12]
        kind, sound = chunk[4:8], zlib.crc32(chunk[4:-4]).to_bytes(4, "big") == chunk[-4:]
        place += length + 12
        if kind == b"IEND":
            break
        if kind in KEPT and (sound or kind != b"eXIf"):
            yield chunk
            if place > len(content):
                return
    yield bytes(4) + b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")


def _without_metadata(content: bytes) -> bytes:
    """Tables and scans of a JPEG (ITU-T T.81, B.1.1), without the marker of its end.

    Raises:
        ValueError: whole scans are missing, or what they are of.
    """
    kept, components, place = [JPEG], 0, len(JPEG)
    while place + 4 <= len(content):
        marker, length = struct.unpack_from(">xBH", content, place)
        if marker == START_OF_SCAN:
            break
        segment = content[place : place + length + 2]
        if marker in FRAMES:
            components = segment[9]
        if marker in KEPT_METADATA:
            wanted = segment[4:].startswith(KEPT_METADATA[marker]) and len(segment) >= 16
        else:
            wanted = marker != COMMENT and marker not in METADATA
        if wanted:
            kept.append(segment)
        place += length + 2
    scans, end, rest = content[place:].rpartition(JPEG_END)
    scans = scans if end else rest.rstrip(b"\xff")
    if not components or len(_coefficients(scans)) < 64 * components:
        raise ValueError("scans are missing")
    return b"".join([*kept, scans])


def _coefficients(scans: bytes) -> set[tuple[int, int]]:
    """Coefficients that are known to the last bit, each of a component (T.81, B.2.3, G.1.1.1)."""
    known = set()
    for found in re.finditer(rb"\xff\xda..([\1-\4])", scans, re.DOTALL):
        header = scans[found.end() :][: 2 * found[1][0] + 3]
        *names, first, last, bits = header if len(header) > 3 else (64, 0, 1)
        if bits % 16 == 0:
            known |= {(name, number) for name in names[::2] for number in range(first, last + 1)}
    return known
