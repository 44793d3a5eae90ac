"""NPY files read and written in blocks, for arrays larger than memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

BYTES = 2**22
"""Approximate size of a block."""


def rows_in_block(shape: tuple[int, ...], itemsize: int = 1) -> int:
    """How many rows of ``shape`` make a block; at least one."""
    return max(1, BYTES // max(1, int(np.prod(shape)) * itemsize))


@dataclass(frozen=True)
class ArrayFile:
    """An array in a file, which ``read`` maps into memory.

    It is mapped anew for every block: pages of a mapping that stays count as used memory.
    """

    path: Path
    read: Callable[[Path], NDArray[Any]]

    def blocks(self, start: int, stop: int) -> Iterator[NDArray[Any]]:
        """Rows ``start`` to ``stop``, a block at a time."""
        array = self.read(self.path)
        step = rows_in_block(array.shape[1:], array.itemsize)
        del array
        for first in range(start, stop, step):
            yield self.read(self.path)[first : min(first + step, stop)]


def write_blocks(
    path: Path, blocks: Iterable[NDArray[Any]], shape: tuple[int, ...], dtype: DTypeLike = np.uint8
) -> int:
    """Write blocks ``(rows, *shape)`` as one NPY file, the bytes that ``np.save`` would write.

    Returns how many rows there were. A full disk gives an ``OSError`` with its number; a
    memory-mapped file would end the process.
    """
    rows = 0
    with path.open("wb") as file:
        _write_header(file, (0, *shape), dtype)
        for block in blocks:
            content = np.ascontiguousarray(block, dtype=dtype).reshape(len(block), *shape)
            file.write(content.data)
            rows += len(block)
        file.seek(0)
        _write_header(file, (rows, *shape), dtype)  # as long as before: NPY leaves room to grow
    return rows


def _write_header(file: BinaryIO, shape: tuple[int, ...], dtype: DTypeLike) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
