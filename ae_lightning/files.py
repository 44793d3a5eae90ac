"""Our own files: written whole or not at all; read, or told in one line what is wrong with them."""

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

from ae_lightning.errors import UNREADABLE, reading, writing


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A temporary folder beside ``folder`` that takes its place when the block ends well.

    After an error (a full disk, an interruption) ``folder`` is as it was and nothing is left.

    Raises:
        UserError: the disk refuses.
    """
    with writing(folder):
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
    """A temporary path beside ``path`` that takes its place when the block ends well.

    Raises:
        UserError: the disk refuses.
    """
    with writing(path):
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


class Fields(dict[str, Any]):
    """Named values of a file of ours; one that it lacks is told as the damage that it is."""

    def __init__(
        self, values: Mapping[str, Any], path: Path, remedy: str, what: str = UNREADABLE
    ) -> None:
        super().__init__(values)
        self._file = path, remedy, what

    def __missing__(self, name: str) -> Any:
        with reading(*self._file):
            raise KeyError(name)


def read_json(path: Path, remedy: str, what: str = UNREADABLE) -> Fields:
    """The object of a JSON file of ours; those within are :class:`Fields`, too.

    Raises:
        UserError: it is absent or damaged; what to do is the ``remedy``.
    """
    with reading(path, remedy, what):
        text = path.read_text(encoding="utf-8")
        found = json.loads(text, object_hook=lambda values: Fields(values, path, remedy, what))
        if not isinstance(found, Fields):
            raise ValueError(f"must be an object, found a {type(found).__name__}")
    return found


_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(Composer, _SafeLoader):  # type: ignore[misc]
    """Safe loader that refuses a key that stands twice, of which YAML would take the last.

    Read by libyaml in C, a lock of 14,000 lines takes 0.1 s instead of a second. But composed in
    Python, where what is nested too deep is an error; in C it ends the process.
    """

    def __init__(self, text: str) -> None:
        _SafeLoader.__init__(self, text)
        self.anchors: dict[str, Any] = {}

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        found = set()
        for key, _ in node.value:
            if (name := (key.tag, str(key.value))) in found:
                raise ValueError(f"line {key.start_mark.line + 1}: {key.value!r} stands twice")
            found.add(name)
        return node


def read_yaml(path: Path, remedy: str) -> Any:
    """Content of a YAML file, in which no key stands twice.

    Raises:
        UserError: it is absent, no UTF-8 or no YAML; what to do is the ``remedy``.
    """
    with reading(path, remedy):
        return yaml.load(path.read_text(encoding="utf-8-sig"), _Loader)  # noqa: S506


def rounded(content: Any, digits: int = 6) -> Any:
    """``content`` with every float of its nested mappings at ``digits`` significant digits.

    What is not finite is left out: JSON has no number for it.
    """
    if isinstance(content, dict):
        absent = unmeasured(content)
        return {key: rounded(value, digits) for key, value in content.items() if key not in absent}
    return float(f"{content:.{digits}g}") if isinstance(content, float) else content
