"""A document, and its construction from a JSON object or a row of a table."""

import datetime
import functools
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ae_lightning.config.datasets import Columns
from ae_lightning.errors import UserError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A document: ``text`` is what models get, ``place`` where it was read.

    ``date`` is the day that ``given_date`` says, None if it says none.
    """

    id: str
    title: str
    text: str
    date: datetime.date | None = None
    labels: tuple[str, ...] = ()
    place: str = ""
    given_date: Any = None


@functools.cache
def used(columns: Columns) -> dict[str, str]:
    """Names of the columns that are read, by field."""
    return columns.model_dump(exclude={"separator"}, exclude_none=True)


def document(row: Row, columns: Columns, number: int, place: str) -> Document:
    """The document in ``row``; one without an id is called by ``number``.

    Raises:
        UserError: the text's column is missing, or a part is not of its type; without the place.
    """
    if columns.text not in row:
        raise UserError(missing_column("text", columns, set(row)))
    parts = {field: row.get(column) for field, column in used(columns).items()}
    names, date = parts.get("labels"), parts.get("date")
    id_, title, text = (
        _text(parts.get(field), f"{getattr(columns, field)} must be text or a number")
        for field in ("id", "title", "text")
    )
    rule = f"{columns.labels} must be text, a number or a list of them"
    labels = [_text(name, rule) for name in (names if isinstance(names, list) else [names])]
    return Document(
        id=id_ or str(number),
        title=title,
        text=f"{title}\n{text}",
        date=_day(date),
        labels=unique_labels(labels),
        place=place,
        given_date=date,
    )


def missing_column(field: str, columns: Columns, there: set[str]) -> str:
    """The rule that is broken where a column is not ``there``."""
    names = ", ".join(map(repr, sorted(there))) or "none"
    return (
        f"must have a column {getattr(columns, field)!r}, found {names}; "
        f"name the right one in params.yaml under columns.{field}"
    )


def _text(value: Any, rule: str) -> str:
    """The text of a string, a number or a truth value; empty for null and NaN, a gap of pandas'.

    Gaps make whole numbers floats as well, so 1.0 is "1".
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, str | int | float):
        raise UserError(f"{rule}, found {shown(value)}; correct it")
    return whole(value if isinstance(value, str) else json.dumps(value))


def _day(value: Any) -> datetime.date | None:
    with suppress(ValueError):
        return datetime.datetime.fromisoformat(str(value).strip()).date()
    return None


def unique_labels(names: list[str]) -> tuple[str, ...]:
    """Labels without white space around them, without empty ones, each once."""
    return tuple(dict.fromkeys(whole(name.strip()) for name in names if name.strip()))


def whole(text: str) -> str:
    """``text`` with ``?`` for half a surrogate pair, which a cut emoji leaves and no file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shown(value: Any) -> str:
    """A value as JSON, cut to 40 characters."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
