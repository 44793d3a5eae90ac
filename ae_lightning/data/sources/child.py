"""Programs that fill a folder, such as npm and DVC, as child processes that are watched."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ae_lightning.data.sources.download import LIMIT_S, STALL_S, OnBytes, SourceError
from ae_lightning.subprocesses import start, stop


class Ended(NamedTuple):
    """Exit status of a program, and the lines that it printed."""

    code: int
    lines: Sequence[str]


def fill(
    name: str,
    command: Sequence[str],
    folder: Path,
    on_bytes: OnBytes,
    size: int = 0,
    cwd: Path | None = None,
) -> Ended:
    """Run a program until it has filled a folder; it ends with this process, however that ends.

    Args:
        name: What errors call it.
        command: Program and arguments.
        folder: Where its files appear, which shows whether it goes on.
        on_bytes: Gets the bytes there, a few times a second.
        size: Bytes in all; 0 if not known.
        cwd: Where it runs; in the folder by default.

    Raises:
        SourceError: nothing came for STALL_S, or it was not done after LIMIT_S.
    """
    with tempfile.TemporaryFile("w+", dir=folder, errors="replace") as log:
        process = start(command, cwd or folder, os.environ, output=log.fileno())
        try:
            _watch(name, process, folder, on_bytes, size)
        finally:
            stop(process, grace=0)
        log.seek(0)
        return Ended(process.returncode, log.read().split("\n"))


def _watch(
    name: str, process: "subprocess.Popen[str]", folder: Path, on_bytes: OnBytes, size: int
) -> None:
    started = grown = time.monotonic()
    seen = 0
    while process.poll() is None:
        done, now = _bytes_under(folder), time.monotonic()
        if done > seen:
            seen, grown = done, now
        on_bytes(min(done, size) if size else done, size)
        if now - grown > STALL_S or now - started > LIMIT_S:
            of = f" of {size}" if size else ""
            raise SourceError(f"{name} stood still at {seen}{of} bytes", temporary=True)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)


def _bytes_under(place: Path) -> int:
    total = 0
    for folder, _, files in os.walk(place):
        for file in files:
            with suppress(FileNotFoundError):  # npm renames as it goes
                total += Path(folder, file).stat().st_size
    return total
