"""Read articles from files of every supported format, one at a time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.serve.records import Columns, DeadLetter, Record, make_record

Item = Record | DeadLetter
Advance = Callable[[int], None]  # called with the number of input bytes that have been read so far in a file

_PARQUET_ROWS = 256
_BOM = b"\xef\xbb\xbf"
_MAX_JSON_LINE = 256 * 1024 * 1024  # bytes; a longer line is no article
_GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)


def read_file(path: Path | None, columns: Columns, advance: Advance) -> Iterator[Item]:
    """Records of one file after its suffix; of JSON Lines on standard input for None.

    Raises ValueError when the file as a whole cannot be used.
    """
    if path is None:
        yield from _json_lines(sys.stdin.buffer, "<stdin>", columns, advance)
        return
    suffix = format_of(path)
    if suffix == ".parquet":
        yield from _parquet(path, columns)
        return
    with path.open("rb") as plain:

        def report(_: int) -> None:
            advance(plain.tell())

        stream: IO[bytes] = gzip.open(plain) if path.suffix == ".gz" else plain  # type: ignore[assignment]
        if suffix == ".txt":
            yield _text_file(stream, path, columns)
        elif suffix == ".jsonl":
            yield from _json_lines(stream, str(path), columns, report)
        else:
            yield from _table(stream, path, "\t" if suffix == ".tsv" else ",", columns, report)


SUFFIXES = {
    ".jsonl": ".jsonl",
    ".ndjson": ".jsonl",
    ".csv": ".csv",
    ".tsv": ".tsv",
    ".txt": ".txt",
    ".parquet": ".parquet",
}


def format_of(path: Path) -> str | None:
    """The format of a file by its name, without ``.gz``; None when it is not supported."""
    name = path.name.lower()
    packed = name.endswith(".gz")
    known = SUFFIXES.get(Path(name.removesuffix(".gz")).suffix)
    return None if packed and known == ".parquet" else known


def _json_lines(stream: IO[bytes], name: str, columns: Columns, advance: Advance) -> Iterator[Item]:
    number = 0
    while True:
        place = f"{name}:{number + 1}"
        try:
            line = stream.readline(_MAX_JSON_LINE)
        except _GZIP_ERRORS as error:
            yield DeadLetter(place, "", f"expected a whole gzip stream, found its end torn: {error}")
            return
        if not line:
            return
        number += 1
        advance(len(line))
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield _json_record(line, place, columns)


def _json_record(line: bytes, place: str, columns: Columns) -> Item:
    raw = line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return DeadLetter(place, raw, f"expected UTF-8, found byte 0x{line[error.start]:02x} at {error.start}")
    except RecursionError:
        return DeadLetter(place, raw, "expected an object of plain fields, found JSON nested too deeply")
    except ValueError as error:
        return DeadLetter(place, raw, f"expected a JSON object, found {error}")
    if not isinstance(value, dict):
        return DeadLetter(place, raw, f"expected a JSON object, found {type(value).__name__}")
    return make_record(value, place, raw, columns)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name}, which JSON does not have")


def _text_file(stream: IO[bytes], path: Path, columns: Columns) -> Item:
    try:
        data = stream.read()
    except _GZIP_ERRORS as error:
        return DeadLetter(str(path), "", f"expected a whole gzip stream, found its end torn: {error}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raw = data.decode("utf-8", errors="backslashreplace")
        return DeadLetter(str(path), raw, f"expected UTF-8, found byte 0x{data[error.start]:02x} at {error.start}")
    return make_record({columns.text: text, columns.id: str(path)}, str(path), text, columns)


class _Lines:
    """Lines of a text stream that remembers those of the current row, for its dead letter."""

    def __init__(self, stream: io.TextIOWrapper, advance: Advance) -> None:
        self.stream, self.advance, self.taken = stream, advance, list[str]()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.stream.readline()
        if not line:
            raise StopIteration
        self.advance(len(line))
        self.taken.append(line)
        return line

    def row(self) -> str:
        text, self.taken = "".join(self.taken).rstrip("\r\n"), []
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _table(stream: IO[bytes], path: Path, delimiter: str, columns: Columns, advance: Advance) -> Iterator[Item]:
    # Bytes that are not UTF-8 pass as lone surrogates, so that one bad row does not end the file.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _Lines(text, advance)
    csv.field_size_limit(_MAX_JSON_LINE)
    reader = csv.reader(lines, delimiter=delimiter)
    header = _header(reader, path, columns)
    lines.row()
    while True:
        place = f"{path}:{reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except _GZIP_ERRORS as error:
            yield DeadLetter(place, lines.row(), f"expected a whole gzip stream, found its end torn: {error}")
            return
        except csv.Error as error:
            yield DeadLetter(place, lines.row(), f"expected a row of delimited fields, found {error}")
            continue
        raw = lines.row()
        if row:
            yield _table_record(row, header, place, raw, columns)


def _header(reader: Iterator[list[str]], path: Path, columns: Columns) -> list[str]:
    try:
        header = next(reader, list[str]())
    except (*_GZIP_ERRORS, csv.Error) as error:
        raise ValueError(f"expected a table in {path}, found {error}; repair the file") from error
    if header and columns.text not in header:
        raise ValueError(f"expected a column {columns.text!r} in {path}, found {header}; name it with --text-column")
    return header


def _table_record(row: list[str], header: list[str], place: str, raw: str, columns: Columns) -> Item:
    if len(row) != len(header):
        return DeadLetter(place, raw, f"expected {len(header)} fields, found {len(row)}")
    if any("\udc80" <= character <= "\udcff" for value in row for character in value):
        return DeadLetter(place, raw, "expected UTF-8, found bytes of another encoding")
    values: dict[str, Any] = dict(zip(header, row, strict=True))
    if not values.get(columns.id):
        values.pop(columns.id, None)  # an empty cell is no id
    return make_record(values, place, raw, columns)


def _parquet(path: Path, columns: Columns) -> Iterator[Item]:
    try:
        table = pq.ParquetFile(path)
        names = table.schema_arrow.names
        if columns.text not in names:
            raise ValueError(f"expected a column {columns.text!r} in {path}, found {names}; name it with --text-column")
        number = 0
        for batch in table.iter_batches(batch_size=_PARQUET_ROWS):
            for row in batch.to_pylist():
                number += 1
                raw = json.dumps(row, ensure_ascii=False, default=str)
                yield make_record(row, f"{path}:{number}", raw, columns)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"expected Parquet in {path}, found {reason}; repair the file") from error
