"""Records on their way in: checked once, in one place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_RAW_CHARACTERS = 1_000_000  # of a dead letter's raw text: an unreadable gigabyte is not copied whole
_OWN_FIELDS = frozenset({"text", "title", "id", "language"})


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the fields that the caller may rename."""

    text: str = "text"
    id: str = "id"


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
        return {"place": self.place, "reason": self.reason, "raw": self.raw[:MAX_RAW_CHARACTERS]}


def make_record(row: Mapping[str, Any], place: str, raw: str, columns: Columns) -> Record | DeadLetter:
    """The record in a row of named fields, or a dead letter that says which field was wrong and how."""
    problem = _problem(row, columns)
    if problem:
        return DeadLetter(place, raw, problem)
    own = (_OWN_FIELDS - {"text", "id"}) | {columns.text, columns.id}
    identity = row.get(columns.id)
    return Record(
        place=place,
        id=place if identity is None else identity,
        text=row[columns.text],
        title=row.get("title") or None,
        language=row.get("language") or None,
        carried={name: value for name, value in row.items() if name not in own},
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
    for name in ("title", "language"):
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            return f"expected a string in {name!r}, found {_name(value)}"
    return None


def _name(value: object) -> str:
    return "null" if value is None else type(value).__name__


def reject_duplicates(items: Iterable[Record | DeadLetter]) -> Iterator[Record | DeadLetter]:
    """The same items, but the second record of an id becomes a dead letter that names the place of the first.

    Ids are kept in a private temporary database that spills to disk, so that memory stays bounded.
    """
    seen = sqlite3.connect("")
    try:
        seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, place TEXT) WITHOUT ROWID")
        for item in items:
            yield item if isinstance(item, DeadLetter) else _check_duplicate(seen, item)
    finally:
        seen.close()


def _check_duplicate(seen: sqlite3.Connection, record: Record) -> Record | DeadLetter:
    key = repr(record.id)  # repr keeps 1 and "1" apart, and lone surrogates encodable
    known = seen.execute("SELECT place FROM ids WHERE id = ?", (key,)).fetchone()
    if known is not None:
        return DeadLetter(
            record.place, record.raw, f"expected a new id, found {record.id!r} again (first at {known[0]})"
        )
    seen.execute("INSERT INTO ids VALUES (?, ?)", (key, record.place))
    return record
