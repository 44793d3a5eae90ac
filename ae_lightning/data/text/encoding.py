"""Text files that need not be UTF-8: their encoding is found before they are read."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from ae_lightning.errors import UserError

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",    # begins with the next one's, so it is looked for before
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
UTF8 = "utf-8-sig"  # without the byte-order mark, if there is one

CANDIDATES = (
    *("cp1252", "cp1255", "cp1256", "cp1253", "cp1251", "koi8_r", "cp932", "euc_jp", "gb18030"),
    *("big5", "cp949", "mac_roman", "iso8859_2", "cp1250", "cp1254", "cp874", "cp850"),
)
"""Encodings that are guessed; of those that make equally good text the first is taken."""

SAMPLE = 2**15  # bytes of lines that are not UTF-8, by which their encoding is guessed
BEFORE = 2**10  # bytes before the first that is not UTF-8 in a very long line


@dataclass(frozen=True)
class Encoding:
    """An encoding by Python's name; ``guess`` says in words how it was guessed, empty if known."""

    name: str
    guess: str = ""

    def open(self, path: Path) -> TextIO:
        """Open a file without changing line ends; bytes that cannot be decoded are replaced."""
        codecs.register_error("ae-stray-bytes", _stray)
        errors = "ae-stray-bytes" if self.name == UTF8 else "replace"
        return path.open(encoding=self.name, errors=errors, newline="")


def encoding_of(path: Path) -> Encoding:
    """The encoding of a file by its byte-order mark, UTF-8 if it is that, otherwise a guess.

    A file with the mark of UTF-8, or with at least as many lines in it as in others beside ASCII,
    is UTF-8, and its stray bytes are taken as cp1252. It takes one pass over the lines, and a guess
    a sample of bounded size.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            return _found(file)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a text file") from error


def _found(file: BinaryIO) -> Encoding:
    start = file.read(4096)
    for mark, name in MARKS.items():
        if start.startswith(mark):
            return Encoding(name)
    if unmarked := _unmarked(start):
        return Encoding(unmarked, unmarked)
    file.seek(0)
    sample, good, bad = bytearray(), 0, 0
    for line in file:
        try:
            good += not line.isascii() and bool(line.decode())
        except UnicodeDecodeError as error:
            bad += 1
            sample += line[max(0, error.start - BEFORE) :][: SAMPLE - len(sample)]
    if bad > good and not start.startswith(codecs.BOM_UTF8):
        name = _guessed(bytes(sample))
        return Encoding(name, name)
    return Encoding(UTF8, "UTF-8 with bytes of cp1252" if bad else "")


def read_text(path: Path) -> tuple[str, Encoding]:
    """The whole text of a file, and its encoding.

    Raises:
        UserError: it holds a NUL, which no text does.
    """
    encoding = encoding_of(path)
    with encoding.open(path) as file:
        text = file.read()
    if "\0" in text:
        place = text.index("\0") + 1
        raise UserError(
            f"{path}: must be text, found a NUL at character {place}; save it as UTF-8 text"
        )
    return text, encoding


def _unmarked(start: bytes) -> str | None:
    """UTF-16 without its mark: one byte of two is 0 for most letters of European languages."""
    even, odd = (2 * start[first::2].count(0) / max(1, len(start)) for first in (0, 1))
    if len(start) % 2 or max(even, odd) <= 0.5 or min(even, odd) > 0.05:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _guessed(sample: bytes) -> str:
    import charset_normalizer  # only a few files need it

    found = charset_normalizer.from_bytes(sample, cp_isolation=[*CANDIDATES])
    ranks = [
        (round(match.chaos, 2), CANDIDATES.index(name))
        for match in found
        for name in match.could_be_from_charset
        if name in CANDIDATES
    ]
    return CANDIDATES[min(ranks, default=(0.0, 0))[1]]


def _stray(error: UnicodeError) -> tuple[str, int]:
    """A byte that is not UTF-8 as cp1252, a cut character of UTF-8 as U+FFFD."""
    assert isinstance(error, UnicodeDecodeError)
    stray = error.object[error.start : error.end]
    return stray.decode("cp1252", "replace") if len(stray) == 1 else "\ufffd", error.end
