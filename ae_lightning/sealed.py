"""Files and folders of interrupted trainings, with digests by which damage is told.

A file ends with the SHA-256 of what is before: torch reads one with more behind its end as one
without, and a rename puts both in place at once. A folder has that of its files in one of its own.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch.serialization import get_crc32_options, set_crc32_options

from ae_lightning.errors import writing
from ae_lightning.files import replaced_file

DIGEST = hashlib.sha256().digest_size
SEAL = "sha256"
"""File of a folder's digest."""
BLOCK = 2**20


def save(content: Any, path: Path) -> None:
    """Write ``content`` as ``torch.save`` does, whole or not at all, and its digest behind it.

    Raises:
        UserError: the disk refuses.
    """
    with replaced_file(path) as partial, partial.open("wb", buffering=0) as file:
        with _without_checksums():
            torch.save(content, written := _Hashed(file))  # type: ignore[arg-type]
        file.write(written.hash.digest())


def seal(folder: Path) -> None:
    """Write the digest of a folder's files beside them."""
    (folder / SEAL).write_bytes(_of_folder(folder))


def is_whole(path: Path) -> bool:
    """Whether ``path`` is there and has its digest; what is damaged is told and removed.

    Raises:
        UserError: it cannot be removed.
    """
    if not os.path.lexists(path):
        return False
    with suppress(OSError):
        if (_folder_is_whole if path.is_dir() else _file_is_whole)(path):
            return True
    print(f"{path}: damaged; it is removed and the training begins anew", file=sys.stderr)
    with writing(path):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return False


def _folder_is_whole(folder: Path) -> bool:
    return (folder / SEAL).read_bytes() == _of_folder(folder)


def _of_folder(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SEAL:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return digest.digest()


def _file_is_whole(path: Path) -> bool:
    digest, left = hashlib.sha256(), path.stat().st_size - DIGEST
    if not path.is_file():
        return False  # a pipe would be waited for
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(left, BLOCK))):
            digest.update(block)
            left -= len(block)
        return file.read() == digest.digest()


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.hash = file, hashlib.sha256()

    def write(self, part: Any) -> int:
        self.hash.update(part)
        return self.file.write(part)

    def flush(self) -> None:
        """Do nothing: the file has no buffer."""


@contextmanager
def _without_checksums() -> Iterator[None]:
    """Let torch write none of its own, which nobody looks at: they took most of the time."""
    checksums = get_crc32_options()
    set_crc32_options(False)
    try:
        yield
    finally:
        set_crc32_options(checksums)
