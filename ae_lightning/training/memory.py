"""Peak memory of a training."""

import resource
import sys
from pathlib import Path

import torch

from ae_lightning.training.curve import COLUMNS, LearningCurve

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
    peak = {COLUMN: round(peak_memory_mb())}
    LearningCurve.read(curve).noting(**peak).write(curve, (*COLUMNS, COLUMN))
