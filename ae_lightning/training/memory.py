"""Peak memory of a training."""

import csv
import resource
import sys
from pathlib import Path

import torch

from ae_lightning.files import replaced_file

COLUMN = "memory_mb"
MEGABYTE = 1e6
UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes per unit in which the operating system counts resident memory."""


def peak_memory_mb() -> float:
    """Most that this process has held so far, in megabytes of 10^6 bytes.

    On a GPU its memory as PyTorch allocated it, otherwise resident memory, libraries and
    memory-mapped data included.
    """
    if torch.cuda.is_available() and (allocated := torch.cuda.max_memory_allocated()):
        return allocated / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT / MEGABYTE


def note_memory(curve: Path) -> None:
    """Add this process's peak to each row of a learning curve (CSV), as column ``memory_mb``."""
    with curve.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), [*(reader.fieldnames or ()), COLUMN]
    peak = round(peak_memory_mb())
    with replaced_file(curve) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, COLUMN: peak} for row in rows)
