"""Picture files whose pixels are whole beside broken metadata or a missing end, mended."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
JPEG_END = b"\xff\xd9"
KEPT = {b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT"}
"""Chunks of a PNG that say what is seen; eXIf says which side is up."""
START_OF_SCAN, COMMENT, METADATA = 0xDA, 0xFE, range(0xE0, 0xF0)
KEPT_METADATA = {0xE1: b"Exif\0\0", 0xEE: b"Adobe"}
"""Metadata of a JPEG that say which side is up, and what its colours are."""
PADS = (bytes(64), b"\xff\x00" * 32, bytes(range(11, 75)))


def mended(content: bytes) -> bytes | None:
    """A file with the pixels of ``content`` and little else; None where pixels are missing.

    A PNG keeps :data:`KEPT`, a JPEG its tables, scans, EXIF data and Adobe's kind of colours. What
    may be missing at the end is filled in three ways: if the picture is the same each time, none of
    its pixels was there.
    """
    if content.startswith(PNG):
        return PNG + b"".join(_chunks(content))
    if content.startswith(JPEG):
        scans = b"".join(_segments(content))
        copies = [scans + pad + JPEG_END for pad in PADS]
    else:
        copies = [content + pad for pad in PADS]
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


def _segments(content: bytes) -> Iterator[bytes]:
    """Segments to keep (ITU-T T.81, B.1.1), and from the first scan on all but the end marker."""
    yield JPEG
    place = len(JPEG)
    while place + 4 <= len(content):
        marker, length = struct.unpack_from(">xBH", content, place)
        if marker == START_OF_SCAN:
            break
        segment = content[place : place + length + 2]
        if marker in KEPT_METADATA:
            kept = segment[4:].startswith(KEPT_METADATA[marker]) and len(segment) >= 16
        else:
            kept = marker != COMMENT and marker not in METADATA
        if kept:
            yield segment
        place += length + 2
    scans, end, _ = content[place:].rpartition(JPEG_END)
    yield scans if end else content[place:].rstrip(b"\xff")
