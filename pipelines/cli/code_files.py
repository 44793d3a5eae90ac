"""Files of codes: what ``ae encode`` writes and ``ae generate`` reads, by their ending."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ae_lightning.data.images.arrays import read_npy
from ae_lightning.errors import UserError, reading
from ae_lightning.files import inert, replaced_file

Floats = NDArray[np.float32]
INPUT, PREFIX = "input", "code_"


def write_codes(path: Path, names: Sequence[str], codes: Floats) -> None:
    """Write codes ``(N, K)``, a row for each of ``names``, whole or not at all."""
    with replaced_file(path) as partial:
        WRITERS[path.suffix.lower()](partial, names, codes)


def read_codes(path: Path) -> Floats:
    """Codes ``(N, K)`` of a file that :func:`write_codes` wrote, or that looks like it.

    Raises:
        UserError: it is absent, cannot be read, or has no columns of codes.
    """
    check_ending(path, READERS)
    with reading(path, "write it again", "must have codes as `ae encode` writes them"):
        return READERS[path.suffix.lower()](path)


def check_ending(path: Path, endings: Mapping[str, Any]) -> None:
    """Refuse a file whose ending is not among ``endings``, before anything is computed."""
    if path.suffix.lower() not in endings:
        raise UserError(
            f"{path}: must end in {' or '.join(endings)}, found {path.suffix or 'no ending'!r}; "
            "rename it"
        )
    if path.is_dir():
        raise UserError(f"{path}: must be a file, found a folder; name another")


def _frame(names: Sequence[str], codes: Floats) -> pd.DataFrame:
    frame = pd.DataFrame(codes, columns=[f"{PREFIX}{k}" for k in range(codes.shape[1])])
    frame.insert(0, INPUT, list(names))
    return frame


def _parquet(path: Path, names: Sequence[str], codes: Floats) -> None:
    _frame(names, codes).to_parquet(path, index=False)


def _csv(path: Path, names: Sequence[str], codes: Floats) -> None:
    # Nine digits: as many as a float32 needs to come back the same.
    frame = _frame([*map(inert, names)], codes)
    frame.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")


def _npy(path: Path, names: Sequence[str], codes: Floats) -> None:
    with path.open("wb") as file:
        np.save(file, codes)


def _columns(frame: pd.DataFrame) -> Floats:
    names = [name for name in frame.columns if str(name).startswith(PREFIX)]
    if not names:
        raise ValueError(f"no column {PREFIX}0")
    return frame[names].to_numpy(dtype=np.float32)


WRITERS: dict[str, Callable[[Path, Sequence[str], Floats], None]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".npy": _npy,
}
READERS: dict[str, Callable[[Path], Floats]] = {
    ".parquet": lambda path: _columns(pd.read_parquet(path)),
    ".csv": lambda path: _columns(pd.read_csv(path)),
    ".npy": lambda path: np.array(read_npy(path)),
}
