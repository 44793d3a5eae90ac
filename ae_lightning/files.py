"""Atomic writes: folders and files that appear whole or not at all."""

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place when the block ends well.

    After an error (a full disk, an interruption) ``folder`` is as it was and nothing is left.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.partial-"
    for killed in folder.parent.glob(f"{prefix}*"):
        shutil.rmtree(killed, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its place when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(content: Any, path: Path) -> None:
    """Write ``content`` as indented JSON, whole or not at all."""
    with replaced_file(path) as partial:
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


@contextmanager
def csv_table(path: Path, columns: Iterable[str]) -> Iterator[Callable[[Iterable[Any]], None]]:
    """Open a CSV file with a header for :func:`inert` cells; gives the function that adds a row."""
    # A file's name may be no UTF-8; in a table for people it need not be recovered.
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        table = csv.writer(file, lineterminator="\n")

        def add(cells: Iterable[Any]) -> None:
            table.writerow(map(inert, cells))

        add(columns)
        yield add


def inert(cell: Any) -> Any:
    """``cell`` behind an apostrophe if it is text that a spreadsheet would run as a formula."""
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def unmeasured(content: dict[str, Any]) -> list[str]:
    """Dotted paths of the floats in nested mappings that are not finite."""
    found = []
    for key, value in content.items():
        if isinstance(value, dict):
            found += [f"{key}.{inner}" for inner in unmeasured(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            found.append(key)
    return found


def rounded(content: Any, digits: int = 6) -> Any:
    """``content`` with every float of its nested mappings at ``digits`` significant digits.

    What is not finite is left out: JSON has no number for it.
    """
    if isinstance(content, dict):
        absent = unmeasured(content)
        return {key: rounded(value, digits) for key, value in content.items() if key not in absent}
    return float(f"{content:.{digits}g}") if isinstance(content, float) else content
