"""Reading the corpora's files: gzipped or not, CSV, TSV, JSON Lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

csv.field_size_limit(10_000_000)  # some cells hold whole posts with their annotations


def open_text(path: Path) -> io.TextIOWrapper:
    """A UTF-8 text stream of a plain or gzipped file; FileNotFoundError says where corpora are expected."""
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the corpus file {path}, found none; set 'corpora' to the folder of the corpora"
        )
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def read_table(
    path: Path, *, delimiter: str = ",", quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
) -> Iterator[dict[str, str]]:
    """Rows of a table as dicts by column name."""
    with open_text(path) as stream:
        reader = csv.reader(stream, delimiter=delimiter, quoting=quoting)
        header = next(reader)
        for row in reader:
            if row:
                yield dict(zip(header, row, strict=False))  # a few corpora have ragged last columns


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSON Lines file."""
    with open_text(path) as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)
