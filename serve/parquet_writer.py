"""Write records as Parquet with one column a field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.model import LABELS
from tocsin.serve.output import FIELDS, to_json
from tocsin.serve.writers import JsonLinesWriter, sync_folder

_ROW_GROUP = 1000
_ROW_GROUP_CHARACTERS = 64_000_000  # of JSON; rows with every sentence of long articles fill memory before their number
_ID = "id"
_SCALARS = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string(), type(None): pa.string()}
_INT64 = range(-(2**63), 2**63)


def column_types(labels: Sequence[str]) -> dict[str, pa.DataType]:
    """Types of our own fields; scores have one member a label."""
    scores = pa.struct([(label, pa.float64()) for label in labels])
    sentence = pa.struct(
        [
            ("where", pa.string()),
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("labels", pa.list_(pa.string())),
            ("scores", scores),
            ("attribution", pa.string()),
            ("speaker", pa.string()),
        ]
    )
    return {
        "schema": pa.int64(),
        "language": pa.string(),
        "status": pa.string(),
        "flagged": pa.bool_(),
        "labels": pa.list_(pa.string()),
        "scores": scores,
        "outlet_scores": scores,
        "sentence_count": pa.int64(),
        "sentences": pa.list_(sentence),
        "model": pa.string(),
    }


class ParquetWriter(JsonLinesWriter):
    """A Parquet file that appears when it is complete.

    Records are spooled as JSON Lines first, since the columns that the input carries are known only at its end. A
    carried column gets a scalar type when all its values have it and is JSON text otherwise.
    """

    def __init__(self, path: Path, labels: Sequence[str] = LABELS) -> None:
        super().__init__(path)
        self._types = column_types(labels)
        self._kinds: dict[str, type] = {}

    def write(self, record: dict[str, Any]) -> None:
        """See Writer."""
        for name, value in record.items():
            if name not in self._types:
                self._kinds[name] = _merge(self._kinds.get(name, type(None)), _kind(value))
        super().write(record)

    def finish(self, stream: IO[str], temporary: Path) -> None:
        """See JsonLinesWriter."""
        stream.flush()
        carried = {name: _SCALARS.get(kind) for name, kind in self._kinds.items() if name != _ID}
        types = self._types | {_ID: pa.int64() if self._kinds.get(_ID) is int else pa.string()}
        names = {name: name for name in FIELDS} | _unicode_names(carried)
        schema = pa.schema([(new, types.get(old) or carried.get(old) or pa.string()) for old, new in names.items()])
        as_json = {name for name, kind in carried.items() if kind is None}
        target = temporary.with_suffix(".parquet.part")
        try:
            with pq.ParquetWriter(target, schema) as writer, temporary.open(encoding="utf-8", newline="\n") as lines:
                for rows in row_groups(lines):
                    table = [_cells(json.loads(row), names, as_json, types[_ID]) for row in rows]
                    writer.write_table(pa.Table.from_pylist(table, schema=schema))
            target.chmod(temporary.stat().st_mode)
            with target.open("rb") as complete:
                os.fsync(complete.fileno())
            os.replace(target, self.path)
            sync_folder(self.path.parent)
        finally:
            target.unlink(missing_ok=True)


def row_groups(lines: Iterable[str]) -> Iterator[list[str]]:
    """The lines in groups that are bounded in number and in characters (one line at least)."""
    group: list[str] = []
    size = 0
    for line in lines:
        if group and (len(group) >= _ROW_GROUP or size + len(line) > _ROW_GROUP_CHARACTERS):
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


def _kind(value: object) -> type:
    """The type of a value; object for what no column type holds."""
    if isinstance(value, int) and value not in _INT64:
        return object
    return type(value) if type(value) in _SCALARS else object


def _merge(known: type, new: type) -> type:
    if type(None) in (known, new):
        return new if known is type(None) else known
    return known if known is new else object


def _unicode_names(names: Iterable[str]) -> dict[str, str]:
    """New column names by old ones: Arrow's strings are UTF-8, which has no lone surrogates."""
    return {name: unicode_text(name) for name in names}


def unicode_text(text: str) -> str:
    """Text as Arrow can hold it: lone surrogates, which UTF-8 does not have, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def _cells(row: dict[str, Any], names: Mapping[str, str], as_json: set[str], id_type: pa.DataType) -> dict[str, Any]:
    row[_ID] = row[_ID] if id_type == pa.int64() else str(row[_ID])
    for sentence in row["sentences"]:
        sentence["speaker"] = sentence["speaker"] and unicode_text(sentence["speaker"])
    return {names[name]: _cell(to_json(value) if name in as_json else value) for name, value in row.items()}


def _cell(value: Any) -> Any:  # noqa: ANN401 - cells are of any type
    return unicode_text(value) if isinstance(value, str) else value
