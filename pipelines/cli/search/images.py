"""``ae search`` for images: files and folders in; tables or JSON, and perhaps a picture, out."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Column

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.data.images.decode import read_picture
from ae_lightning.data.images.folder import picture_files
from ae_lightning.errors import UserError
from ae_lightning.files import replaced_file
from ae_lightning.search.images import ImageHit, ImageIndex
from pipelines.cli.search.query import Query
from pipelines.cli.terminal import cut, plain, right, show, table_lines, width

COLUMNS = (
    *(right(""), right("distance"), Column("class"), Column("split")),
    *(right("number"), Column("file")),
)
TOGETHER = 256
"""Queries that are read and then searched for at a time."""


@dataclass(frozen=True)
class QueryResult:
    """A query, as it was converted, and what is nearest to it."""

    path: Path
    image: NDArray[np.uint8]
    hits: list[ImageHit]


def search(asked: Query) -> bool:
    """Print the images nearest to each query; what cannot be read is a line on stderr.

    Returns whether any query was answered.

    Raises:
        UserError: there are no paths, or options that do not suit.
    """
    _check(asked)
    paths = list(_paths(asked))
    if not paths:
        return False
    index = ImageIndex.open(asked.variant, ARTIFACTS)
    answers: list[QueryResult] = []
    for answer in _answers(index, paths, asked.count):
        if not asked.as_json:
            show(_paragraph(answer, first=not answers))
        answers.append(answer)
    if asked.as_json:
        show(json_array(answers))
    if asked.montage and answers:
        _draw(asked, index, answers)
    return bool(answers)


def _check(asked: Query) -> None:
    there = f"{asked.variant!r} is on images ({asked.data.folder.name})"
    if asked.file:
        raise UserError(f"search: --file is for documents, and {there}; give image files")
    if not asked.words:
        raise UserError(f"search: {there}, found no query; give image files or folders")
    if asked.montage and asked.montage.suffix.lower() != ".png":
        raise UserError(f"--montage: must be a .png file, found {asked.montage}; rename it")


def _paths(asked: Query) -> Iterator[Path]:
    """The files of the query; absent ones and empty folders are reported."""
    for path in map(Path, asked.words):
        if path.is_dir():
            names = picture_files(path)
            yield from (path / name for name in names)
            if not names:
                _tell(f"{path}: holds no images (such as .png, .jpg, .tif); put some there")
        elif path.exists():
            yield path
        else:
            _tell(
                f"{path}: no such file or folder; {asked.variant!r} is on images "
                f"({asked.data.folder.name}), so give image files or folders"
            )


def _answers(index: ImageIndex, paths: Sequence[Path], count: int) -> Iterator[QueryResult]:
    shape, queue = index.data.shape, iter(paths)
    while some := list(islice(queue, TOGETHER)):
        images = {}
        for path in some:
            try:
                images[path] = read_picture(path, shape)
            except UserError as error:
                _tell(str(error))
        if images:
            found = index.search(np.stack(list(images.values())), count)
            yield from map(QueryResult, images, images.values(), found)


def _tell(line: str) -> None:
    print(f"ae: {line}", file=sys.stderr)


def json_array(answers: Sequence[QueryResult]) -> Iterator[str]:
    """One JSON array of queries with their hits, in ASCII so that every terminal takes it."""
    rows = [{"query": str(a.path), "hits": [asdict(hit) for hit in a.hits]} for a in answers]
    yield json.dumps(rows, indent=1)


def _paragraph(answer: QueryResult, *, first: bool) -> Iterator[str]:
    if not first:
        yield ""
    yield plain(str(answer.path))
    yield from table(answer.hits, width())


def table(hits: Sequence[ImageHit], room: int | None) -> Iterator[str]:
    """Lines with a column each for rank, distance, class, split, number and file, headings first.

    There is no column of classes without labels, and none of files for what was an array. The last
    column is cut so that a line fits into ``room``; None cuts nothing.
    """
    rows = [*map(_cells, hits)]
    used = [place for place in range(len(COLUMNS)) if any(row[place] for row in rows)]
    columns = [COLUMNS[place].copy() for place in used]
    for line in table_lines(columns, [[row[place] for place in used] for row in rows]):
        yield cut(line, room) if room else line


def _cells(hit: ImageHit) -> tuple[str, ...]:
    label, file = plain(hit.label or ""), plain(hit.file or "")
    return str(hit.rank), f"{hit.distance:.3f}", label, hit.split, str(hit.number), file


def _draw(asked: Query, index: ImageIndex, answers: Sequence[QueryResult]) -> None:
    from ae_lightning.search.montage import QUERIES, Row, montage

    assert asked.montage
    rows = [
        Row(
            plain(answer.path.name),
            answer.image,
            [(index.image(hit), _caption(hit)) for hit in answer.hits],
        )
        for answer in answers[:QUERIES]
    ]
    title = f"{asked.variant}: nearest of {len(index.codes):,} images of {asked.data.folder.name}"
    with replaced_file(asked.montage) as partial:
        montage(title, rows, len(answers)).savefig(partial, format="png")


def _caption(hit: ImageHit) -> list[str]:
    return [*([plain(hit.label)] if hit.label else []), f"{hit.distance:.3f}"]
