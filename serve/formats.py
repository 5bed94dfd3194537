"""Which format a file has by its name, and its bytes without their compression."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tocsin.serve.records import DeadLetter
from tocsin.serve.remote import Source

JSON_LINES, CSV, TSV, TEXT, PARQUET = ".jsonl", ".csv", ".tsv", ".txt", ".parquet"
SUFFIXES = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".csv": CSV,
    ".tsv": TSV,
    ".txt": TEXT,
    ".parquet": PARQUET,
}
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
_GZIP = ".gz"


def format_of(path: Source) -> str | None:
    """The format of a file by its name, with or without ``.gz``; None when it is not supported."""
    name = path.name.lower()
    known = SUFFIXES.get(Path(name.removesuffix(_GZIP)).suffix)
    return None if known == PARQUET and name.endswith(_GZIP) else known


@contextmanager
def open_bytes(path: Source) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The uncompressed stream of a file, and the stream of its bytes as stored, whose position tells the progress."""
    with path.open("rb") as plain:
        if path.name.lower().endswith(_GZIP):
            with gzip.open(plain) as unpacked:
                yield cast(IO[bytes], unpacked), plain
        else:
            yield plain, plain


def torn(place: str, raw: str, error: Exception) -> DeadLetter:
    """The dead letter for the point at which a gzip stream breaks off; nothing behind it can be read."""
    return DeadLetter(place, raw, f"expected a whole gzip stream, found its end torn: {error}")
