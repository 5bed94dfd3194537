"""Read articles from files of every supported format, one at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import IO

from tocsin.serve.formats import CSV, GZIP_ERRORS, JSON_LINES, PARQUET, TSV, format_of, open_bytes, torn
from tocsin.serve.json_lines import read_json_lines
from tocsin.serve.parquet import check_parquet, read_parquet
from tocsin.serve.records import MAX_CHARACTERS, Columns, DeadLetter, Item, make_record
from tocsin.serve.remote import Source
from tocsin.serve.tables import check_table, read_table

STDIN_NAME = "<stdin>"
_DELIMITERS = {CSV: ",", TSV: "\t"}
_SHOWN_BYTES = 10_000  # of a text that is too long to be kept
_PROBE_BYTES = 65_536


def read_file(path: Source | None, columns: Columns, advance: Callable[[int], None]) -> Iterator[Item]:
    """Records of one file after its suffix; of JSON Lines on standard input for None.

    ``advance`` is told how many bytes of the file have been read. Raises ValueError when the file as a whole cannot be
    used, which ``check_file`` tells beforehand.
    """
    if path is None:
        yield from read_json_lines(sys.stdin.buffer, STDIN_NAME, columns, lambda: None)
        return
    kind = format_of(path)
    if kind == PARQUET:
        yield from read_parquet(path, columns, advance)
        return
    with open_bytes(path) as (stream, plain):

        def report() -> None:
            advance(plain.tell())

        if kind == JSON_LINES:
            yield from read_json_lines(stream, str(path), columns, report)
        elif kind in _DELIMITERS:
            yield from read_table(stream, path, _DELIMITERS[kind], columns, report)
        else:
            yield _read_text(stream, path, columns)


def check_file(path: Source, columns: Columns) -> None:
    """Read the beginning of a file; ValueError or OSError when the file as a whole cannot be used."""
    kind = format_of(path)
    if kind == PARQUET:
        check_parquet(path, columns)
        return
    with open_bytes(path) as (stream, _):
        if kind in _DELIMITERS:
            check_table(stream, path, _DELIMITERS[kind], columns)
            return
        try:
            stream.readline(_PROBE_BYTES)
        except GZIP_ERRORS as error:
            raise ValueError(f"expected a gzip stream in {path}, found {error}; fetch the file again") from error


def _read_text(stream: IO[bytes], path: Source, columns: Columns) -> Item:
    place = str(path)
    try:
        data = stream.read(MAX_CHARACTERS + 1)
    except GZIP_ERRORS as error:
        return torn(place, "", error)
    if len(data) > MAX_CHARACTERS:
        raw = data[:_SHOWN_BYTES].decode("utf-8", errors="backslashreplace")
        return DeadLetter(place, raw, f"expected at most {MAX_CHARACTERS} bytes, found a longer file (cut in raw)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raw = data.decode("utf-8", errors="backslashreplace")
        return DeadLetter(place, raw, f"expected UTF-8, found byte 0x{data[error.start]:02x} at {error.start}")
    return make_record({columns.text: text, columns.id: place}, place, text, columns)
