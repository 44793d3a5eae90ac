"""``ae search`` for documents: words or a text file in, a table for people or JSON out."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Column

from ae_lightning.artifacts import ARTIFACTS
from ae_lightning.data.images.decode import SUFFIXES
from ae_lightning.data.text.encoding import read_text
from ae_lightning.data.text.readers import guesses
from ae_lightning.errors import UserError
from ae_lightning.search.documents import DocumentIndex, Hit, listed
from pipelines.cli.search.query import Query
from pipelines.cli.terminal import cut, plain, right, show, table_lines, width

TOPICS = 24
"""Columns of a terminal for a document's topics, so that there is room for its title."""

TITLE = 20
"""Columns of a title on the narrowest terminal."""


def search(asked: Query) -> bool:
    """Print the documents nearest to the query; words it cannot know go to stderr.

    Raises:
        UserError: the query is no text, or none of its words is known.
    """
    _check_no_pictures(asked)
    text = query(asked.words, asked.file)
    index = DocumentIndex.open(asked.variant, ARTIFACTS)
    hits = index.search(text, asked.count)
    if unknown := index.unknown(text):
        print(f"ae: not among {index.vocabulary}: {listed(unknown)}", file=sys.stderr)
    show(json_array(hits) if asked.as_json else table(hits, width()))
    return True


def _check_no_pictures(asked: Query) -> None:
    there = f"{asked.variant!r} is on documents ({asked.data.folder.name})"
    if asked.montage:
        raise UserError(f"search: --montage is for images, and {there}; leave it out")
    for word in asked.words:
        if Path(word).suffix.lower() in SUFFIXES and Path(word).is_file():
            raise UserError(f"search: {there}, found the picture {word}; give words, or --file")


def query(words: Sequence[str], file: Path | None) -> str:
    """The text that is searched for.

    Raises:
        UserError: there are both words and a file, or neither, or the file is no text.
    """
    if bool(words) == bool(file):
        found = "both" if words else "neither"
        raise UserError(f"search: needs a query or --file, found {found}; give one of them")
    if file is None:
        return " ".join(words)
    text, encoding = read_text(file)
    for remark in guesses(file, encoding):
        print(f"ae: {remark.place}: {remark.reason}", file=sys.stderr)
    if not text.strip():
        raise UserError(f"{file}: must have the text to search for, found none; fill it")
    return text


def json_array(hits: Sequence[Hit]) -> Iterator[str]:
    """One JSON array, in ASCII so that every terminal and pipe takes it."""
    yield json.dumps([asdict(hit) for hit in hits], indent=1)


def table(hits: Sequence[Hit], room: int | None) -> Iterator[str]:
    """Lines with a column each for rank, score, date, topics and title, headings first.

    Topics and titles are cut so that a line fits into ``room``; None cuts nothing.
    """
    rows = [*map(_cells, hits)]
    if room:
        rows = [(*row[:3], cut(row[3], TOPICS), row[4]) for row in rows]
    names = [right(""), right(hits[0].measure), *map(Column, ("date", "topics", "title"))]
    lines = table_lines(names, rows)
    room = room and max(room, lines[0].index("title") + TITLE)
    return (cut(line, room) if room else line for line in lines)


def _cells(hit: Hit) -> tuple[str, str, str, str, str]:
    day = (hit.date or "-")[:10]
    topics = ", ".join(map(plain, hit.labels)) or "-"
    return str(hit.rank), f"{hit.score:.3f}", day, topics, plain(hit.title) or "-"
