"""Downloads over HTTP and extraction of archives, with timeouts and retries.

Every wait has a timeout, temporary failures are retried after a doubling pause, and all files go
where the caller says, so that it can remove them.
"""

import errno
import gzip
import hashlib
import http.client
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ae_lightning.errors import UserError

T = TypeVar("T")
OnBytes = Callable[[int, int], None]
"""Progress callback: bytes so far, bytes in all (0: not known)."""

ATTEMPTS = 3
PAUSE_S = 1.0
STALL_S = 60.0  # without a byte
LIMIT_S = 1800.0  # an attempt in all

DISK_ERRORS = frozenset(
    (
        errno.EACCES,
        errno.EDQUOT,
        errno.EEXIST,
        errno.EFBIG,
        errno.EISDIR,
        errno.ENOSPC,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
    )
)
"""Errors of the local disk, which no other source and no retry can fix."""


class SourceError(Exception):
    """A source failed; another one may succeed."""

    def __init__(self, reason: str, temporary: bool = False) -> None:
        super().__init__(reason)
        self.temporary = temporary


def with_retries(action: Callable[[], T]) -> T:
    """The action's result; temporary failures are repeated after 1, 2, 4, ... times ``PAUSE_S``."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except SourceError as error:
            if not error.temporary:
                raise
            if attempt == ATTEMPTS - 1:
                raise SourceError(f"{error}, {ATTEMPTS} times") from error
        time.sleep(PAUSE_S * 2**attempt)
    raise AssertionError("unreachable")


def download(url: str, path: Path, md5: str, on_bytes: OnBytes) -> None:
    """Write the document at a URL to a file and compare its MD5 with the publisher's.

    Raises:
        SourceError: no answer, a refusal, a short or an altered document.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "ae-lightning"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=STALL_S) as response:  # noqa: S310
            found = _save(response, path, on_bytes)
    except urllib.error.HTTPError as error:
        busy = error.code >= 500 or error.code in (408, 429)
        raise SourceError(f"{url} answered {error.code}", temporary=busy) from error
    except urllib.error.URLError as error:
        raise SourceError(f"{url}: {error.reason}", temporary=True) from error
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise SourceError(f"{url}: {error or type(error).__name__}", temporary=True) from error
    if found != md5:
        raise SourceError(f"{url}: MD5 is {found}, expected {md5}", temporary=True)


def _save(response: http.client.HTTPResponse, path: Path, on_bytes: OnBytes) -> str:
    total = int(response.headers.get("Content-Length") or 0)
    digest = hashlib.md5(usedforsecurity=False)
    done, started = 0, time.monotonic()
    with path.open("wb") as file:
        while chunk := response.read(1 << 18):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            on_bytes(done, total)
            if time.monotonic() - started > LIMIT_S:
                raise TimeoutError(f"not done after {LIMIT_S:.0f} s")
    if done < total:
        raise ConnectionError(f"ended after {done} of {total} bytes")
    return digest.hexdigest()


def extract(archive: Path, folder: Path) -> None:
    """Unpack a ``.tar.gz`` of plain files and folders.

    Raises:
        UserError: a member would leave the folder, or is a link or a device; nothing is unpacked.
        SourceError: the archive is cut short or altered.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            for member in members:
                _check_member(archive, member)
            tar.extractall(folder, members=members, filter="data")
    except tarfile.FilterError as error:
        raise UserError(f"{archive.name}: {error}; the archive is refused") from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise SourceError(f"{archive.name} is damaged: {error}") from error


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        what = "would leave the folder"
    elif not (member.isfile() or member.isdir()):
        what = "is neither a plain file nor a folder"
    else:
        return
    raise UserError(f"{archive.name}: member {member.name!r} {what}; the archive is refused")
