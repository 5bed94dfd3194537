"""Read JSON Lines."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from typing import IO

from tocsin.serve.formats import GZIP_ERRORS, torn
from tocsin.serve.records import MAX_CHARACTERS, Columns, DeadLetter, Item, make_record

_BOM = b"\xef\xbb\xbf"
_SHOWN_BYTES = 10_000  # of a line that is too long to be kept


def read_json_lines(stream: IO[bytes], name: str, columns: Columns, advance: Callable[[], None]) -> Iterator[Item]:
    """One item for each line that is not blank; ``advance`` is called after each line."""
    number = 0
    while True:
        number += 1
        place = f"{name}:{number}"
        try:
            line, whole = _next_line(stream, MAX_CHARACTERS)
        except GZIP_ERRORS as error:
            yield torn(place, "", error)
            return
        if not line:
            return
        advance()
        if number == 1:
            line = line.removeprefix(_BOM)
        if not whole:
            raw = line.decode("utf-8", errors="backslashreplace")
            yield DeadLetter(place, raw, f"expected at most {MAX_CHARACTERS} bytes, found a longer line (cut in raw)")
        elif line.strip():
            yield _record(line, place, columns)


def _next_line(stream: IO[bytes], limit: int) -> tuple[bytes, bool]:
    """A line and whether it is whole; of a line beyond the limit only its beginning."""
    line = stream.readline(limit)
    if len(line) < limit or line.endswith(b"\n"):
        return line, True
    while (rest := stream.readline(limit)) and not rest.endswith(b"\n"):
        pass
    return line[:_SHOWN_BYTES], False


def _record(line: bytes, place: str, columns: Columns) -> Item:
    raw = line.decode("utf-8", errors="backslashreplace").rstrip("\r\n")
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite)
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


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:20]}, which is too large to be kept")
    return number
