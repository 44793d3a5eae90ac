"""Memory-mapped arrays shared between processes; the machine keeps one copy in memory."""

from __future__ import annotations

import os
import uuid
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ae_lightning.distributed import process_group
from ae_lightning.errors import UserError


def shared_array(shape: tuple[int, ...], folder: Path) -> NDArray[np.float32]:
    """A new array on disk that all processes of this machine read and write, to be filled.

    Its file in ``folder`` has no name any more when this returns: it goes with the last process
    that uses it, however that ends.

    Raises:
        UserError: if there is no room for it.
    """
    place = process_group.place()
    path = folder / f".{process_group.broadcast(uuid.uuid4().hex)}-{place.node}"
    if place.local == 0:
        _allocate(path, 4 * prod(shape))
    process_group.barrier()
    array = np.memmap(path, np.float32, "r+", shape=shape)
    process_group.barrier()
    if place.local == 0:
        path.unlink()
    return array


def _allocate(path: Path, size: int) -> None:
    """Reserve ``size`` bytes of the disk at once: a mapping could not report a full disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UserError(
            f"{path.parent}: must have room for {size / 2**20:,.0f} MiB of codes, found "
            f"{error.strerror}; make room, or raise AE_MEMORY_LIMIT_MB"
        ) from error
