"""Documents from JSON lines, CSV or a folder of text files, read one at a time."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from ae_lightning.config.datasets import Columns
from ae_lightning.data.file_tree import file_tree, printable
from ae_lightning.data.sources import checksums
from ae_lightning.data.text.schema import (
    Document,
    Row,
    document,
    missing_column,
    shown,
    unique_labels,
    whole,
)
from ae_lightning.errors import UserError

LARGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072


def read(path: Path, columns: Columns) -> Iterator[Document]:
    """Yield the documents of ``path`` in their order, holding one in memory at a time.

    Raises:
        UserError: the path is absent or of no known format, a document cannot be read (which, and
            why), or there is none.
    """
    if not path.exists():
        known = path.parent.name in checksums.DATASETS
        advice = f"run: ae fetch {path.parent.name}" if known else "correct the path"
        raise UserError(f"{path}: not found; {advice}")
    kind = FOLDER if path.is_dir() else path.suffix.lower()
    if kind not in FORMATS:
        raise UserError(
            f"{path}: documents must be in a .jsonl file, a .csv file or a folder of .txt files, "
            f"found {path.suffix or 'no suffix'!r}; rename or convert it"
        )
    found = None
    for found in FORMATS[kind](path, columns):
        yield found
    if found is None:
        raise UserError(f"{path}: holds no documents; put some there")


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines of a UTF-8 file with their endings, numbered from 1; a byte-order mark is dropped.

    Raises:
        UserError: the file is not UTF-8; names the line and the byte in it, both counted from 1.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = _decoded(line, f"{path}: line {number}")
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def _decoded(line: bytes, place: str) -> str:
    try:
        text, wrong = line.decode("utf-8"), line.find(0)  # UTF-16 without its mark is full of zeros
    except UnicodeDecodeError as error:
        wrong = error.start
    if wrong >= 0:
        raise UserError(
            f"{place}: must be UTF-8 text, found 0x{line[wrong]:02x} at byte {wrong + 1} of the "
            "line; save the file as UTF-8"
        )
    return text


def json_lines(path: Path, columns: Columns) -> Iterator[Document]:
    """One JSON object per line; blank lines are passed over."""
    return _documents(path, _objects(path), columns)


def _objects(path: Path) -> Iterator[tuple[int, Row]]:
    for number, line in lines(path):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(
                    f"{path}: line {number}: must be JSON ({error}); correct the line"
                ) from error
            if not isinstance(row, dict):
                raise UserError(
                    f"{path}: line {number}: must be a JSON object, found {shown(row)}; "
                    "write one document per line"
                )
            yield number, row


def table(path: Path, columns: Columns) -> Iterator[Document]:
    """CSV with a header, commas between cells; a quoted cell may hold commas and line ends."""
    return _documents(path, _labelled(_cells(path), columns), columns)


def _labelled(rows: Iterator[tuple[int, Row]], columns: Columns) -> Iterator[tuple[int, Row]]:
    for number, row in rows:
        if columns.labels in row:
            row[columns.labels] = row[columns.labels].split(columns.separator)
        yield number, row


def _cells(path: Path) -> Iterator[tuple[int, Row]]:
    rows = _csv_rows(path)
    _, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    for number, cells in rows:
        if len(cells) != len(names):
            raise UserError(
                f"{path}: line {number}: must have {len(names)} cells as the header has, found "
                f"{len(cells)}; quote cells that hold commas or line ends"
            )
        yield number, dict(zip(names, cells, strict=True))


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the number of its first line."""
    csv.field_size_limit(LARGEST_CELL)
    rows = csv.reader((line for _, line in lines(path)), strict=True)
    number = 1
    try:
        for cells in rows:
            if cells:
                yield number, cells
            number = rows.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}: line {number}: must be CSV ({error}); correct the row that begins there"
        ) from error


def text_files(folder: Path, columns: Columns) -> Iterator[Document]:
    """Every .txt file in and below a folder, named by its path; folders on the way are its labels.

    Links are followed. The file's name is the title and no part of the text.

    Raises:
        UserError: something there cannot be read; names the first, and why.
    """
    tree = file_tree(folder)
    for name, why in sorted((tree.left_out | tree.again).items()):
        raise UserError(f"{folder / printable(name)}: {why}; mend or remove it")
    for name in sorted(tree.files, key=_files_first):
        if name.lower().endswith(".txt"):
            path, inside = folder / name, PurePosixPath(name)
            yield Document(
                id=whole(name),
                title=whole(path.stem),
                text="".join(line for _, line in lines(path)),
                labels=unique_labels(list(inside.parent.parts)),
                place=str(path),
            )


def _files_first(name: str) -> list[tuple[bool, str]]:
    """Sorts the files of a folder before those of its subfolders."""
    *folders, file = name.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


FOLDER = "folder"
FORMATS: dict[str, Callable[[Path, Columns], Iterator[Document]]] = {
    ".jsonl": json_lines,
    ".csv": table,
    FOLDER: text_files,
}


def _documents(path: Path, rows: Iterator[tuple[int, Row]], columns: Columns) -> Iterator[Document]:
    seen: set[str] = set()
    for number, row in rows:
        seen |= row.keys()
        yield document(row, columns, number, f"{path}: line {number}")
    # A column that was asked for by name and is nowhere is misspelt; a default one is just absent.
    for field in sorted(columns.model_fields_set - {"separator"}) if seen else ():
        if getattr(columns, field) not in seen:
            raise missing_column(str(path), field, columns, seen)
