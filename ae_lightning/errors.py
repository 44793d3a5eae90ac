"""Errors caused by user input or by the environment, as opposed to a bug of ours.

:func:`reading` and :func:`writing` tell what a damaged file or a full disk raises, in one line.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC, EROFS
from os import strerror
from pathlib import Path

from ae_lightning.redact import redact

NO_ROOM = frozenset((EDQUOT, EFBIG, ENOSPC, EROFS))
"""Errors of a disk that takes no more, whichever file it was."""

UNREADABLE = "cannot be read"

LONGEST = 2000
"""Letters of an error's line; what a person gave may be longer."""


class UserError(ValueError):
    """A mistake that the user can fix, in one line: where, rule, value found, what to do.

    The command line prints the line alone and exits with 2; ``--debug`` shows the traceback.
    Secrets in the line are hidden, and control characters are written as escapes.
    """

    def __init__(self, line: str) -> None:
        super().__init__(one_line(line))


def one_line(text: str) -> str:
    """``text`` without secrets, in one line of bounded length."""
    plain = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in redact(text[: 10 * LONGEST])
    )
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} ..."


@contextmanager
def reading(place: Path, remedy: str, what: str = UNREADABLE) -> Iterator[None]:
    """A block that does nothing but read files of ours in ``place``, or ``place`` itself.

    Whatever it raises comes from what is in them, as readers of damaged files raise nearly
    anything.

    Raises:
        UserError: ``place``, ``what`` is wrong, the reason and the ``remedy``.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{place}: {what} ({reason(error, place)}); {remedy}") from error


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """A block that writes the file or folder ``place``, beside it first.

    Raises:
        UserError: the disk refuses: no room, a quota, a folder that is read-only.
    """
    try:
        yield
    except Exception as error:
        inner = f".{place.name}.partial-" in str(error)  # said of a file in what is being written
        told = isinstance(error, UserError) and not inner
        if told or not (refusal := _refusal(error, place.parent)):
            raise
        raise UserError(
            f"{place}: cannot be written ({refusal}); make room, or make the folder writable, "
            "and run this again"
        ) from error


def reason(error: BaseException, place: Path | None = None) -> str:
    """An error in a few words on one line; ``place`` is what the line already names."""
    if isinstance(error, OSError) and error.strerror:
        file, words = error.filename, strerror(error.errno) if error.errno else error.strerror
        return words + (f": {file}" if file and place != Path(str(file)) else "")
    if isinstance(error, KeyError):
        return f"{error} is missing"
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, UnicodeDecodeError):
        return f"must be UTF-8 text, found 0x{error.object[error.start]:02x} at byte {error.start}"
    # Errors of YAML and pydantic by what they have: both packages take long to import.
    if mark := getattr(error, "problem_mark", None):
        return f"line {mark.line + 1}: {getattr(error, 'problem', '')}"
    if isinstance(error, ValueError) and hasattr(error, "errors"):
        first = error.errors()[0]
        return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
    return " ".join(str(error).split())[:200] or type(error).__name__


def _refusal(error: BaseException | None, folder: Path) -> str:
    """Why the disk refuses to write in ``folder``; empty if an error is of another kind.

    Writers in other languages hide it in their own error: safetensors in its words, torch, which
    fails to finish the file, in what came before.
    """
    while error is not None:
        if isinstance(error, OSError):
            file = Path(str(error.filename or "/")).absolute()
            if error.errno in NO_ROOM or folder.absolute() in (file, *file.parents):
                return reason(error)
        elif number := re.search(r"\bos error (\d+)\b", str(error)):
            return strerror(int(number[1]))
        error = error.__cause__ or error.__context__
    return ""
