"""Read Parquet."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.serve.records import Columns, Item, make_record
from tocsin.serve.remote import RemoteError, RemotePath, Source, size_of
from tocsin.serve.tables import check_names

_ROWS = 64  # decoded at a time: few enough for long articles


def read_parquet(path: Source, columns: Columns, advance: Callable[[int], None]) -> Iterator[Item]:
    """One item for each row; its place is the row's number. ValueError when the file cannot be read."""
    size, number = size_of(path) or 0, 0
    with _open(path) as table:
        for batch in table.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                number += 1
                values = {name: value if name in columns.own else plain(value) for name, value in row.items()}
                raw = json.dumps(values, ensure_ascii=False, default=str)
                yield make_record(values, f"{path}:{number}", raw, columns)
            advance(size * number // table.metadata.num_rows)


def check_parquet(path: Source, columns: Columns) -> None:
    """ValueError when the file is no Parquet or its columns do not fit."""
    with _open(path) as table:
        schema = table.schema_arrow
        check_names(schema.names, path, columns)
        found = schema.field(columns.text).type
        kind = found.value_type if pa.types.is_dictionary(found) else found
        if str(kind) not in ("string", "large_string", "string_view"):
            raise ValueError(f"expected strings in column {columns.text!r} of {path}, found {found}; convert it")


@contextmanager
def _open(path: Source) -> Iterator[pq.ParquetFile]:
    try:
        with ExitStack() as opened:
            file = opened.enter_context(path.open_unbuffered()) if isinstance(path, RemotePath) else path
            # Without pre-buffering a row group is read page by page, however large it is.
            yield opened.enter_context(pq.ParquetFile(file, pre_buffer=False, buffer_size=1024 * 1024))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, RemoteError) or (isinstance(error, OSError) and error.errno is not None):
            raise  # the system's error, not one in the file
        reason = " ".join(str(error).split())
        raise ValueError(f"expected Parquet in {path}, found {reason}; repair the file") from error


def plain(value: Any) -> Any:  # noqa: ANN401 - cells are of any type
    """A cell as JSON can hold it: null for NaN and infinity, ISO 8601 for times, text for the rest."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
