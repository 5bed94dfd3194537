"""Records on their way in: checked once, in one place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_CHARACTERS = 64 * 1024 * 1024  # of one record; what is longer is no article but a file without line ends
MAX_DEPTH = 64  # of carried values; writers recurse, and none must fail on a record after hours of work
_TITLE, _LANGUAGE = "title", "language"


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the fields that the caller may rename."""

    text: str = "text"
    id: str = "id"

    @property
    def own(self) -> frozenset[str]:
        """Names of all fields that are read; the others are carried through."""
        return frozenset({self.text, self.id, _TITLE, _LANGUAGE})


@dataclass(frozen=True, slots=True)
class Record:
    """An article to score; ``carried`` holds the other fields of the input, unchanged."""

    place: str  # file:line, for messages and for records without an id
    id: str | int
    text: str
    title: str | None
    language: str | None
    carried: Mapping[str, Any] = field(default_factory=dict)
    raw: str = ""  # as read, for the dead letter should the model fail on it


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be scored, with the reason."""

    place: str
    raw: str
    reason: str

    def as_dict(self) -> dict[str, str]:
        """The line of the dead-letter file."""
        return {"place": self.place, "reason": self.reason, "raw": self.raw}


Item = Record | DeadLetter


def make_record(row: Mapping[str, Any], place: str, raw: str, columns: Columns) -> Item:
    """The record in a row of named fields, or a dead letter that says which field was wrong and how."""
    problem = _problem(row, columns)
    if problem:
        return DeadLetter(place, raw, problem)
    identity, language = row.get(columns.id), row.get(_LANGUAGE)
    return Record(
        place=place,
        id=place if identity is None else identity,
        text=row[columns.text],
        title=row.get(_TITLE) if columns.text != _TITLE else None,
        language=language if language and language.strip() else None,
        carried={name: value for name, value in row.items() if name not in columns.own},
        raw=raw,
    )


def _problem(row: Mapping[str, Any], columns: Columns) -> str | None:
    if columns.text not in row:
        return f"expected a field {columns.text!r}, found {sorted(map(str, row))}"
    text, identity = row[columns.text], row.get(columns.id)
    if not isinstance(text, str):
        return f"expected a string in {columns.text!r}, found {_name(text)}"
    if identity is not None and (isinstance(identity, bool) or not isinstance(identity, str | int)):
        return f"expected a string or an integer in {columns.id!r}, found {_name(identity)}"
    for name in (_TITLE, _LANGUAGE):
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            return f"expected a string in {name!r}, found {_name(value)}"
    deep = next((name for name, value in row.items() if _too_deep(value, MAX_DEPTH)), None)
    return None if deep is None else f"expected at most {MAX_DEPTH} levels in {deep!r}, found JSON nested too deeply"


def _too_deep(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(child, levels - 1) for child in inner)


def _name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def reject_duplicates(items: Iterable[Item]) -> Iterator[Item]:
    """The same items, but the second record of an id becomes a dead letter that names the place of the first.

    Ids are kept in a private temporary database that spills to disk, so that memory stays bounded.
    """
    seen = sqlite3.connect("")
    try:
        seen.execute("PRAGMA journal_mode = OFF")  # nothing is ever rolled back
        seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        for item in items:
            yield item if isinstance(item, DeadLetter) else _check_duplicate(seen, item)
    finally:
        seen.close()


def _check_duplicate(seen: sqlite3.Connection, record: Record) -> Item:
    key = ascii(record.id)  # keeps 1 and "1" apart, and lone surrogates encodable
    place = record.place.encode("utf-8", "backslashreplace").decode()  # file names need not be UTF-8
    known = seen.execute("SELECT place FROM ids WHERE id = ?", (key,)).fetchone()
    if known is not None:
        reason = f"expected a new id, found {record.id!r} again (first at {known[0]})"
        return DeadLetter(record.place, record.raw, reason)
    seen.execute("INSERT INTO ids VALUES (?, ?)", (key, place))
    return record
