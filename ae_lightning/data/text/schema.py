"""A document, and its construction from a JSON object or a row of a table."""

import datetime
import json
from dataclasses import dataclass
from typing import Any

from ae_lightning.config.datasets import Columns
from ae_lightning.errors import UserError

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A document: ``text`` is what models get, ``place`` where it was read."""

    id: str
    title: str
    text: str
    date: datetime.date | None = None
    labels: tuple[str, ...] = ()
    place: str = ""


def document(row: Row, columns: Columns, number: int, place: str) -> Document:
    """The document in ``row``; one without an id is called by ``number``.

    Raises:
        UserError: the text's column is missing, or a part is not of its type.
    """
    if columns.text not in row:
        raise missing_column(place, "text", columns, set(row))
    title = _string(_given(row, columns.title, ""), columns.title, place)
    body = _string(row[columns.text], columns.text, place)
    return Document(
        id=_id(_given(row, columns.id, number), columns.id, place),
        title=title,
        text=f"{title}\n{body}",
        date=_date(_given(row, columns.date, None), columns.date, place),
        labels=_labels(_given(row, columns.labels, []), columns.labels, place),
        place=place,
    )


def missing_column(place: str, field: str, columns: Columns, there: set[str]) -> UserError:
    """The error for a column that is not ``there``."""
    names = ", ".join(map(repr, sorted(there))) or "none"
    return UserError(
        f"{place}: must have a column {getattr(columns, field)!r}, found {names}; "
        f"name the right one in params.yaml under columns.{field}"
    )


def _given(row: Row, column: str, default: Any) -> Any:
    value = row.get(column)
    return default if value is None or value == "" else value


def _string(value: Any, column: str, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(place, column, "a string", value)
    return whole(value)


def _id(value: Any, column: str, place: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(place, column, "a string or a whole number", value)
    return whole(str(value))


def _date(value: Any, column: str, place: str) -> datetime.date | None:
    try:
        return None if value is None else datetime.datetime.fromisoformat(value.strip()).date()
    except (AttributeError, ValueError) as error:
        form = "a date like 1987-04-07 or 1987-04-07T12:30:00"
        raise _wrong(place, column, form, value) from error


def _labels(value: Any, column: str, place: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _wrong(place, column, "a string or a list of strings", value)
    return unique_labels(names)


def unique_labels(names: list[str]) -> tuple[str, ...]:
    """Labels without white space around them, without empty ones, each once."""
    return tuple(dict.fromkeys(whole(name.strip()) for name in names if name.strip()))


def whole(text: str) -> str:
    """``text`` with ``?`` for half a surrogate pair, which a cut emoji leaves and no file takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _wrong(place: str, column: str, rule: str, value: Any) -> UserError:
    return UserError(f"{place}: {column} must be {rule}, found {shown(value)}; correct it")


def shown(value: Any) -> str:
    """A value as JSON, cut to 40 characters."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
