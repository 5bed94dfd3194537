"""Labelled sentences of your own: CSV, TSV, JSON Lines, Parquet, or a Label Studio export.

Columns (or keys): ``text``; then either ``labels``, a list or a text separated by commas, semicolons or bars, or one
column a label with 1, 0 or nothing for unknown. Optional: ``lang`` (BCP 47), ``split`` (train, validation, test),
``group`` (rows that must share a split: a document, a pair), ``kind``, ``attribution``.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tocsin.model.languages import detect
from tocsin.training.adapters.tables import open_text, read_json_lines
from tocsin.training.example import SPLITS, Example, split_of
from tocsin.training.label_studio import is_export, read_export

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_SEPARATORS = re.compile(r"[,;|]")
_YES, _NO, _UNKNOWN = {"1", "true", "yes"}, {"0", "false", "no"}, {"", "-1", "none", "null", "nan"}


def read_labelled(path: Path, labels: Sequence[str], *, source: str) -> Iterator[Example]:
    """Examples of a labelled file; ValueError names file, row and column of what cannot be used."""
    if not path.is_file():
        raise FileNotFoundError(f"expected the labelled file {path}, found none; correct its path")
    for number, row in enumerate(_rows(path), 1):
        try:
            yield _example(row, labels, source)
        except ValueError as error:
            raise ValueError(f"{path.name}, row {number}: {error}") from error


def read_texts(path: Path) -> list[dict[str, Any]]:
    """Rows of a file that need no labels; ValueError when one lacks the column ``text`` or there is none."""
    if not path.is_file():
        raise FileNotFoundError(f"expected the file {path}, found none; correct its path")
    rows = [dict(row) for row in _rows(path)]
    if not rows or not all(isinstance(row.get("text"), str) and row["text"].strip() for row in rows):
        raise ValueError(f"expected rows with text in the column 'text' in {path}, found some without")
    return rows


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    name = path.name.removesuffix(".gz").lower()
    if name.endswith((".csv", ".tsv")):
        with open_text(path) as stream:
            for row in csv.DictReader(stream, delimiter="\t" if name.endswith(".tsv") else ",", strict=True):
                if None in row or None in row.values():
                    raise ValueError(f"expected as many cells as columns in {path}, found another number in {row}")
                yield row
    elif name.endswith((".jsonl", ".ndjson")):
        yield from read_json_lines(path)
    elif name.endswith(".parquet"):
        for batch in pq.ParquetFile(path).iter_batches():
            yield from batch.to_pylist()
    elif name.endswith(".json"):
        with open_text(path) as stream:
            try:
                items = json.load(stream)
            except json.JSONDecodeError as error:
                raise ValueError(f"expected JSON in {path}, found {error}") from error
        if not isinstance(items, list):
            raise ValueError(f"expected a list of objects in {path}, found {type(items).__name__}")
        yield from read_export(items) if is_export(items) else items
    else:
        raise ValueError(f"expected a file that ends in {', '.join(SUFFIXES)}, found {path.name}")


def _example(row: Mapping[str, Any], labels: Sequence[str], source: str) -> Example:
    text = row.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(
            f"expected text in the column 'text', found {text!r} among the columns {sorted(map(str, row))}"
        )
    group = text if row.get("group") in (None, "") else str(row["group"])
    split = str(row.get("split") or split_of(source, group))
    if split not in SPLITS:
        raise ValueError(f"expected split to be one of {', '.join(SPLITS)}, found {split!r}")
    return Example(
        text,
        str(row.get("lang") or detect(text).tag),
        source,
        group,
        split,
        _targets(row, labels),
        str(row.get("kind") or ""),
        str(row.get("attribution") or ""),
    )


def _targets(row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, int]:
    if "labels" in row:
        given = row["labels"]
        names = _SEPARATORS.split(given) if isinstance(given, str) else list(given or ())
        chosen = {str(name).strip() for name in names} - {"", "none"}
        if strange := sorted(chosen - set(labels)):
            raise ValueError(f"expected labels among {', '.join(labels)}, found {strange[0]!r}")
        return {label: int(label in chosen) for label in labels}
    if not set(labels) & set(row):
        raise ValueError(f"expected a column 'labels', or columns among {', '.join(labels)}, found {sorted(row)}")
    return {label: value for label in labels if (value := _cell(row.get(label), label)) is not None}


def _cell(value: object, label: str) -> int | None:
    text = "" if value is None else str(value).strip().lower().removesuffix(".0")
    if text in _UNKNOWN:
        return None
    if text in _YES | _NO:
        return int(text in _YES)
    raise ValueError(f"expected 1, 0 or nothing in the column {label!r}, found {value!r}")
