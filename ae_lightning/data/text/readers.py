"""Documents from JSON lines, CSV or a folder of text files, read one at a time."""

import csv
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

from ae_lightning.config.datasets import Columns
from ae_lightning.data.file_tree import file_tree, printable
from ae_lightning.data.sources import checksums
from ae_lightning.data.text.encoding import Encoding, encoding_of, read_text
from ae_lightning.data.text.schema import (
    Document,
    Row,
    document,
    missing_column,
    shown,
    unique_labels,
    used,
    whole,
)
from ae_lightning.errors import UserError

LARGEST_CELL = 2**31 - 1  # characters; the csv module's own limit is 131,072
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Remark:
    """Why the document at ``place`` is ``left_out``; else how the file there is read by a guess."""

    place: str
    reason: str
    left_out: bool = True


Numbered = tuple[int, Row | str]
"""A row with the number of its line, or the rule that it breaks."""


def refuse(remark: Remark) -> None:
    """Raise a UserError for a document that cannot be read."""
    if remark.left_out:
        raise UserError(f"{remark.place}: {remark.reason}")


def read(
    path: Path, columns: Columns, remark: Callable[[Remark], None] = refuse, *, dated: bool = False
) -> Iterator[Document]:
    """Yield the documents of ``path`` in their order, holding one in memory at a time.

    Args:
        path: a table, a file of JSON lines or a folder.
        columns: names of the fields.
        remark: is called with each document that is left out and each file read by a guess; the
            default makes an error of the former.
        dated: leave out documents without a date.

    Raises:
        UserError: the path is absent or of no known format, a column is missing or repeated, or no
            document can be read.
    """
    if not path.exists():
        known = path.parent.name in checksums.DATASETS
        advice = f"run: ae fetch {path.parent.name}" if known else "correct the path"
        raise UserError(f"{path}: not found; {advice}")
    kind = FOLDER if path.is_dir() else path.suffix.lower()
    if kind not in FORMATS:
        raise UserError(
            f"{path}: documents must be in a .jsonl, .csv or .tsv file or a folder of .txt files, "
            f"found {path.suffix or 'no suffix'!r}; rename or convert it"
        )
    empty, first = True, None
    for found in FORMATS[kind](path, columns):
        if dated and isinstance(found, Document) and not found.date:
            found = _undated(found, columns)
        if isinstance(found, Document):
            empty = False
            yield found
        else:
            remark(found)
            first = first or (found if found.left_out else None)
    if empty and first:
        raise UserError(f"{path}: no document can be read; {first.place}: {first.reason}")
    if empty:
        raise UserError(f"{path}: holds no documents; put some there")


def _undated(found: Document, columns: Columns) -> Remark:
    return Remark(
        found.place,
        f"must have a date like 1987-04-07 or 1987-04-07T12:30:00 in {columns.date} as `until` "
        f"splits by date, found {shown(found.given_date)}; correct it, set columns.date or remove "
        "until",
    )


def json_lines(path: Path, columns: Columns) -> Iterator[Document | Remark]:
    """One JSON object per line; blank lines are passed over."""
    return _documents(path, _objects, columns)


def _objects(file: TextIO, path: Path, columns: Columns) -> Iterator[Numbered]:
    def unique(pairs: list[tuple[str, Any]]) -> Row:
        row = dict(pairs)
        if len(row) < len(pairs) and (name := _repeated([key for key, _ in pairs], columns)):
            raise ValueError(f"{name!r} stands there twice")
        return row

    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = json.loads(line, object_pairs_hook=unique)
            except (ValueError, RecursionError) as error:
                yield number, f"must be JSON ({error}); correct the line"
                continue
            wrong = f"must be a JSON object, found {shown(row)}; write one document per line"
            yield number, row if isinstance(row, dict) else wrong


def table(path: Path, columns: Columns) -> Iterator[Document | Remark]:
    """CSV with a header; a quoted cell may hold delimiters and line ends."""
    return _documents(path, _cells, columns)


def _cells(file: TextIO, path: Path, columns: Columns) -> Iterator[Numbered]:
    rows = _csv_rows(file, columns)
    line, header = next(rows, (1, []))
    if isinstance(header, str):
        raise UserError(f"{path}: line {line}: {header}")
    names = [name.strip() for name in header]
    if repeated := _repeated(names, columns):
        raise UserError(
            f"{path}: line {line}: must have each column that is used once, found {repeated!r} "
            "twice; rename one of them, or set another name under columns in params.yaml"
        )
    for number, cells in rows:
        if columns.text not in names:
            raise UserError(f"{path}: line {line}: {missing_column('text', columns, set(names))}")
        if isinstance(cells, list) and len(cells) != len(names):
            cells = (
                f"must have {len(names)} cells as the header has, found {len(cells)}; quote cells "
                "that hold delimiters or line ends"
            )
        yield number, cells if isinstance(cells, str) else _row(names, cells, columns)


def _row(names: list[str], cells: list[str], columns: Columns) -> Row:
    row: Row = dict(zip(names, cells, strict=True))
    if columns.labels in row:
        row[columns.labels] = row[columns.labels].split(columns.separator)
    return row


def _repeated(names: list[str], columns: Columns) -> str | None:
    return next((name for name in used(columns).values() if names.count(name) > 1), None)


class _Lines:
    """Lines of a file; ``row`` are those taken since it was last emptied."""

    def __init__(self, file: TextIO) -> None:
        self.row: list[str] = []
        self._file, self._returned = file, deque[str]()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.row.append(self._returned.popleft() if self._returned else next(self._file))
        return self.row[-1]

    def give_back(self, first: int) -> None:
        """Offer the lines of the row from its ``first`` on once more."""
        self._returned.extendleft(reversed(self.row[first:]))
        del self.row[first:]


def _csv_rows(file: TextIO, columns: Columns) -> Iterator[tuple[int, list[str] | str]]:
    """Rows that are not blank, each with the number of its first line; a broken one as a rule.

    A broken row ends with its first line, so that a stray quote does not swallow those behind it.
    A line ``sep=;`` before the header, as Excel writes it, is passed over.
    """
    csv.field_size_limit(LARGEST_CELL)
    lines = _Lines(file)
    header = next((line for line in lines if line.strip() and not line.startswith("sep=")), "")
    lines.give_back(-1)
    rows = csv.reader(lines, delimiter=_delimiter(header, columns), strict=True)
    number = len(lines.row) + 1
    lines.row.clear()
    while True:
        cells: list[str] | str | None
        try:
            cells = next(rows, None)
            if cells and any("\0" in cell for cell in cells):
                cells = "must be text, found a NUL character; save it as text"
        except csv.Error as error:
            cells = f"must be CSV ({error}); correct the row that begins there"
            lines.give_back(1)
        if cells is None:
            return
        if cells:
            yield number, cells
        number += len(lines.row)
        lines.row.clear()


def _delimiter(header: str, columns: Columns) -> str:
    """The delimiter by which the header has most of the columns in use, then most cells."""

    def fit(delimiter: str) -> tuple[int, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return len({*names} & {*used(columns).values()}), len(names)

    return max(DELIMITERS, key=fit)


def text_files(folder: Path, columns: Columns) -> Iterator[Document | Remark]:
    """Every .txt file in and below a folder, named by its path; folders on the way are its labels.

    Links are followed. The file's name is the title and no part of the text.
    """
    tree = file_tree(folder)
    for name, why in sorted((tree.left_out | tree.again).items()):
        yield Remark(str(folder / printable(name)), f"{why}; mend or remove it")
    for name in sorted(tree.files, key=_files_first):
        if name.lower().endswith(".txt"):
            yield from _text_file(folder / name, PurePosixPath(name))


def _text_file(path: Path, inside: PurePosixPath) -> Iterator[Document | Remark]:
    try:
        text, encoding = read_text(path)
    except UserError as error:
        yield Remark(str(path), str(error).removeprefix(f"{path}: "))
        return
    yield from guesses(path, encoding)
    yield Document(
        id=whole(str(inside)),
        title=whole(path.stem),
        text=text,
        labels=unique_labels(list(inside.parent.parts)),
        place=str(path),
    )


def _files_first(name: str) -> list[tuple[bool, str]]:
    """Sorts the files of a folder before those of its subfolders."""
    *folders, file = name.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


FOLDER = "folder"
FORMATS: dict[str, Callable[[Path, Columns], Iterator[Document | Remark]]] = {
    ".jsonl": json_lines,
    ".csv": table,
    ".tsv": table,
    FOLDER: text_files,
}


def _documents(
    path: Path, rows: Callable[[TextIO, Path, Columns], Iterator[Numbered]], columns: Columns
) -> Iterator[Document | Remark]:
    encoding = encoding_of(path)
    yield from guesses(path, encoding)
    seen: set[str] = set()
    with encoding.open(path) as file:
        for number, row in rows(file, path, columns):
            yield _document(row, columns, number, f"{path}: line {number}")
            seen |= row.keys() if isinstance(row, dict) else set()
    # A column that was asked for by name and is nowhere is misspelt; a default one is just absent.
    for field, name in used(columns).items() if seen else ():
        if field in columns.model_fields_set and name not in seen:
            raise UserError(f"{path}: {missing_column(field, columns, seen)}")


def _document(row: Row | str, columns: Columns, number: int, place: str) -> Document | Remark:
    try:
        return Remark(place, row) if isinstance(row, str) else document(row, columns, number, place)
    except UserError as error:
        return Remark(place, str(error))


def guesses(path: Path, encoding: Encoding) -> Iterator[Remark]:
    """What is to be said of a file whose encoding was guessed."""
    if encoding.guess:
        reason = f"should be UTF-8, found other bytes; read as {encoding.guess}"
        yield Remark(str(path), reason, left_out=False)
