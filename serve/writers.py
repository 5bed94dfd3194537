"""Write records: to a temporary file beside the target, renamed when all is done."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.model import LABELS
from tocsin.serve.output import FIELDS, to_json

STDOUT = "-"
_ROW_GROUP = 1000
_SCORES = pa.struct([(label, pa.float64()) for label in LABELS])
_SENTENCE = pa.struct(
    [
        ("where", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("labels", pa.list_(pa.string())),
        ("scores", _SCORES),
        ("attribution", pa.string()),
        ("speaker", pa.string()),
    ]
)
_TYPES = {
    "schema": pa.int64(),
    "language": pa.string(),
    "status": pa.string(),
    "flagged": pa.bool_(),
    "labels": pa.list_(pa.string()),
    "scores": _SCORES,
    "outlet_scores": _SCORES,
    "sentence_count": pa.int64(),
    "sentences": pa.list_(_SENTENCE),
    "model": pa.string(),
}
_SCALARS = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
_INT64 = range(-(2**63), 2**63)


class Writer(Protocol):
    """A context in which records are written; leaving it by an error leaves no file behind."""

    def write(self, record: dict[str, Any]) -> None:
        """Take one record."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_writer(out: str) -> Writer:
    """A writer for a path by its suffix, or for standard output; ValueError for an unknown suffix."""
    if out == STDOUT:
        return StdoutWriter()
    path = Path(out)
    if path.suffix == ".parquet":
        return ParquetWriter(path)
    if path.suffix in (".jsonl", ".ndjson"):
        return JsonLinesWriter(path)
    raise ValueError(f"expected an output with the suffix .jsonl or .parquet, or -, found {out!r}; rename it")


class StdoutWriter:
    """JSON Lines on standard output."""

    def write(self, record: dict[str, Any]) -> None:
        """See Writer."""
        sys.stdout.write(to_json(record) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()


class JsonLinesWriter:
    """JSON Lines in a file that appears when it is complete.

    With ``lazy`` nothing is written, and an older file is removed, when no record came.
    """

    def __init__(self, path: Path, *, lazy: bool = False) -> None:
        self.path, self.lazy, self.count = path, lazy, 0
        self._stream: IO[str] | None = None

    def write(self, record: dict[str, Any]) -> None:
        """See Writer."""
        self.count += 1
        self._open().write(to_json(record) + "\n")

    def _open(self) -> IO[str]:
        if self._stream is None:
            self._stream = _temporary(self.path)
        return self._stream

    def __enter__(self) -> Self:
        if not self.lazy:
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is None:
            if kind is None:
                self.path.unlink(missing_ok=True)
            return
        temporary = Path(self._stream.name)
        if kind is None:
            self._finish(self._stream, temporary)
        else:
            self._stream.close()
            temporary.unlink(missing_ok=True)

    def _finish(self, stream: IO[str], temporary: Path) -> None:
        try:
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            os.replace(temporary, self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


class ParquetWriter(JsonLinesWriter):
    """Parquet with one column a field.

    Records are spooled as JSON Lines first, since the columns that the input carries are known only at its end. A
    carried column gets a scalar type when all its values have it and is JSON text otherwise.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._kinds: dict[str, set[type]] = {"id": set()}

    def write(self, record: dict[str, Any]) -> None:
        """See Writer."""
        for name, value in record.items():
            if name not in _TYPES and value is not None:
                self._kinds.setdefault(name, set()).add(_kind(value))
            elif name not in _TYPES:
                self._kinds.setdefault(name, set())
        super().write(record)

    def _finish(self, stream: IO[str], temporary: Path) -> None:
        stream.close()
        types = dict(_TYPES) | {name: _column_type(kinds) for name, kinds in self._kinds.items()}
        names = [*FIELDS, *(name for name in types if name not in FIELDS)]
        schema = pa.schema([(name, types[name] or pa.string()) for name in names])
        as_json = {name for name in names if types[name] is None}
        target = temporary.with_name(temporary.name + ".parquet")
        try:
            with pq.ParquetWriter(target, schema) as writer, temporary.open(encoding="utf-8") as lines:
                for rows in _chunks(lines):
                    writer.write_table(pa.Table.from_pylist([_flat(row, as_json) for row in rows], schema=schema))
            target.chmod(temporary.stat().st_mode)
            os.replace(target, self.path)
        finally:
            target.unlink(missing_ok=True)
            temporary.unlink(missing_ok=True)


def _kind(value: object) -> type:
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INT64:
        return object
    return type(value)


def _column_type(kinds: set[type]) -> pa.DataType | None:
    """Arrow type of a column; None stands for JSON text."""
    if not kinds:
        return pa.string()
    return _SCALARS.get(next(iter(kinds))) if len(kinds) == 1 else None


def _flat(row: dict[str, Any], as_json: set[str]) -> dict[str, Any]:
    return {
        name: value if name not in as_json or value is None or isinstance(value, str) else to_json_value(value)
        for name, value in row.items()
    }


def to_json_value(value: object) -> str:
    """A value of a mixed column as JSON text."""
    return json.dumps(value, ensure_ascii=False)


def _chunks(lines: Iterator[str]) -> Iterator[list[dict[str, Any]]]:
    while chunk := [_replace_surrogates(json.loads(line)) for line in islice(lines, _ROW_GROUP)]:
        yield chunk


def _replace_surrogates(row: dict[str, Any]) -> dict[str, Any]:
    """Arrow strings are UTF-8, which has no lone surrogates."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _temporary(path: Path) -> IO[str]:
    stream = tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", prefix=f".{path.name}.", suffix=".part", dir=path.parent, delete=False
    )
    umask = os.umask(0)
    os.umask(umask)
    # The private mode of temporary files would hide results from the group that reads them; nobody else may write them.
    os.chmod(stream.name, 0o644 & ~umask)
    return cast(IO[str], stream)
