"""Read CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

from tocsin.serve.formats import GZIP_ERRORS, torn
from tocsin.serve.records import MAX_CHARACTERS, Columns, DeadLetter, Item, make_record
from tocsin.serve.remote import Source

_LINE_ENDS = ("\n", "\r")
_SHOWN_CHARACTERS = 10_000  # of a line that is too long to be kept


def read_table(
    stream: IO[bytes], path: Source, delimiter: str, columns: Columns, advance: Callable[[], None]
) -> Iterator[Item]:
    """One item for each row below the header; a place is the line on which a row begins.

    Raises ValueError when the header does not fit.
    """
    lines, rows = _open_rows(stream, delimiter)
    header = _read_header(rows, path, columns)
    while True:
        lines.row()
        place = f"{path}:{lines.number + 1}"
        try:
            row = next(rows, None)
        except GZIP_ERRORS as error:
            yield torn(place, lines.row(), error)
            return
        except csv.Error as error:
            yield DeadLetter(place, lines.row(), f"expected a row of delimited fields, found {error}")
            continue
        if row is None:
            return
        advance()
        if row:
            yield _record(row, header, place, lines.row(), columns)


def check_table(stream: IO[bytes], path: Source, delimiter: str, columns: Columns) -> None:
    """ValueError when the header does not fit."""
    _read_header(_open_rows(stream, delimiter)[1], path, columns)


def check_names(names: Sequence[str], path: Source, columns: Columns) -> None:
    """ValueError when a table lacks a column that it must have, or has one twice."""
    if columns.text not in names:
        raise ValueError(f"expected a column {columns.text!r} in {path}, found {names}; name it with --text-column")
    if columns.id != Columns().id and columns.id not in names:
        raise ValueError(f"expected a column {columns.id!r} in {path}, found {names}; correct --id-column")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected every column once in {path}, found {twice} more than once; rename them")


class _Lines:
    """Lines of a text stream that counts them and remembers those of the current row, for its dead letter."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self.stream, self.number, self.taken = stream, 0, list[str]()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.stream.readline(MAX_CHARACTERS)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) < MAX_CHARACTERS or line.endswith(_LINE_ENDS):
            self.taken.append(line)
            return line
        # A part of a line must not pass for a line: the row would be scored cut, and its rest as another row.
        while (rest := self.stream.readline(MAX_CHARACTERS)) and not rest.endswith(_LINE_ENDS):
            pass
        self.taken.append(line[:_SHOWN_CHARACTERS])
        raise csv.Error(f"a line of more than {MAX_CHARACTERS} characters (cut in raw)")

    def row(self) -> str:
        text, self.taken = "".join(self.taken).rstrip("\r\n"), []
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _open_rows(stream: IO[bytes], delimiter: str) -> tuple[_Lines, Iterator[list[str]]]:
    # Bytes that are not UTF-8 pass as lone surrogates, so that one bad row does not end the file.
    lines = _Lines(io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline=""))
    csv.field_size_limit(MAX_CHARACTERS)
    # Without strict, a quote that is never closed would make one article of all the rows behind it.
    return lines, csv.reader(lines, delimiter=delimiter, strict=True)


def _read_header(rows: Iterator[list[str]], path: Source, columns: Columns) -> list[str]:
    """Names of the columns; empty when the file has no line."""
    try:
        header = next((row for row in rows if row), [])
    except (*GZIP_ERRORS, csv.Error) as error:
        raise ValueError(f"expected a table in {path}, found {error}; repair the file") from error
    if header:
        check_names(header, path, columns)
    return header


def _record(row: list[str], header: list[str], place: str, raw: str, columns: Columns) -> Item:
    if len(row) != len(header):
        return DeadLetter(place, raw, f"expected {len(header)} fields, found {len(row)}")
    if not all(map(_is_utf8, row)):
        return DeadLetter(place, raw, "expected UTF-8, found bytes of another encoding")
    values: dict[str, Any] = dict(zip(header, row, strict=True))
    if not values.get(columns.id):
        values.pop(columns.id, None)  # an empty cell is no id
    return make_record(values, place, raw, columns)


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
