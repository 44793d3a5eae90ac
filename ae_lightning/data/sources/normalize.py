"""Conversion of the sources' files to the canonical ones of ``data/``, byte for byte."""

import io
import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
# Two of the 21,578 dates are odd: one hour has a digit too many in front (605:12:19), one date
# carries a remark behind.
DATE = re.compile(
    r"(?P<day>\d{1,2})-(?P<month>[A-Z]{3})-(?P<year>\d{4})\s+"
    r"\d*?(?P<hour>\d{1,2}):(?P<minute>\d\d):(?P<second>\d\d)(?:\.(?P<fraction>\d{1,2}))?"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")  # what the news wire left; not \t and \n


def write_npy(path: Path, array: Bytes) -> None:
    """Save as NPY; a full disk gives an ``OSError`` with its number, which ``np.save`` drops."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    path.write_bytes(buffer.getbuffer())


def sprite_images(path: Path, height: int = 32, width: int = 32) -> Bytes:
    """The images of a sprite: a picture of which each row of pixels is one image, line by line.

    Returns:
        ``(images, height, width, 3)`` in 0..255.

    Raises:
        ValueError: the picture is not RGB or its rows are not ``height * width`` pixels long.
    """
    with Image.open(path) as picture:
        if picture.mode != "RGB" or picture.width != height * width:
            raise ValueError(
                f"{path.name}: expected RGB, {height * width} pixels wide; "
                f"found {picture.mode}, {picture.width} wide"
            )
        return np.asarray(picture, dtype=np.uint8).reshape(-1, height, width, 3)


def write_documents(path: Path, articles: Iterable[Mapping[str, Any]]) -> None:
    """Save Reuters articles as JSON lines in the order of their numbers.

    A line has ``id`` (number), ``date`` (ISO 8601), ``title``, ``body`` (empty where the article
    has none), ``topics`` and ``places``. Control characters and outer white space are dropped.

    Raises:
        KeyError: an article lacks its ``id`` or ``date``.
        ValueError: a date cannot be read.
    """
    documents = sorted(map(_document, articles), key=lambda document: document["id"])
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            file.write(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


def _document(article: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": int(article["id"]),
        "date": iso_date(article["date"]),
        "title": _plain(article.get("title", "")),
        "body": _plain(article.get("body", "")),
        "topics": article.get("topics", []),
        "places": article.get("places", []),
    }


def _plain(text: str) -> str:
    return CONTROL.sub(" ", text).strip()


def iso_date(text: str) -> str:
    """The wire's ``26-FEB-1987 15:01:01.79`` as ``1987-02-26T15:01:01.790``.

    Raises:
        ValueError: there is no such date in the text.
    """
    found = DATE.search(text)
    if found is None or found["month"] not in MONTHS:
        raise ValueError(f"expected a date like 26-FEB-1987 15:01:01.79, found {text!r}")
    day, year, hour, minute, second = (
        int(found[part]) for part in ("day", "year", "hour", "minute", "second")
    )
    # A single digit behind the point is tenths: "9-APR-1987 09:00:00.5".
    microsecond = int((found["fraction"] or "0").ljust(6, "0"))
    month = MONTHS.index(found["month"]) + 1
    moment = datetime(year, month, day, hour, minute, second, microsecond)
    return moment.isoformat(timespec="milliseconds")
