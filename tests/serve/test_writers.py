"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.serve import parquet_writer
from tocsin.serve.output import FIELDS
from tocsin.serve.parquet_writer import ParquetWriter, row_groups
from tocsin.serve.writers import JsonLinesWriter, StreamWriter

EMPTY: dict[str, object] = dict.fromkeys(FIELDS) | {"id": 1, "labels": [], "sentences": [], "schema": 1}


def write_and_fail(writer: JsonLinesWriter, error: type[BaseException]) -> None:
    with writer:
        writer.write(EMPTY)
        raise error


@pytest.mark.parametrize("kind", [JsonLinesWriter, ParquetWriter])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_file_that_is_not_finished_leaves_no_trace(
    kind: type[JsonLinesWriter], error: type[BaseException], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("before")
    with pytest.raises(error):
        write_and_fail(kind(tmp_path / "out"), error)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out": "before"}


@pytest.mark.parametrize("kind", [JsonLinesWriter, ParquetWriter])
def test_a_rename_that_fails_leaves_no_trace(
    kind: type[JsonLinesWriter], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"), kind(tmp_path / "out") as writer:
        writer.write(EMPTY)
    assert list(tmp_path.iterdir()) == []


def test_the_target_is_untouched_until_the_end(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("before")
    with JsonLinesWriter(tmp_path / "out") as writer:
        writer.write({"a": 1})
        assert (tmp_path / "out").read_text() == "before"
    assert (tmp_path / "out").read_text() == '{"a": 1}\n'


def test_a_lazy_file_is_only_there_when_something_was_written(tmp_path: Path) -> None:
    (tmp_path / "dead").write_text("of an earlier run")
    with JsonLinesWriter(tmp_path / "dead", lazy=True):
        pass
    assert list(tmp_path.iterdir()) == []
    with JsonLinesWriter(tmp_path / "dead", lazy=True) as writer:
        writer.write({"a": 1})
    assert (tmp_path / "dead").read_text() == '{"a": 1}\n'


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o027, 0o640), (0o000, 0o644)])
@pytest.mark.parametrize("kind", [JsonLinesWriter, ParquetWriter])
def test_files_have_the_mode_that_the_umask_leaves(
    kind: type[JsonLinesWriter], umask: int, mode: int, tmp_path: Path
) -> None:
    before = os.umask(umask)
    try:
        with kind(tmp_path / "out") as writer:
            writer.write(EMPTY)
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == mode


def test_a_pipe_that_closes_is_one_clear_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8") as stream:
        writer = StreamWriter(stream)
        with pytest.raises(OSError, match="expected a reader behind the pipe") as caught:
            writer.write({"a": "x" * 100_000})
    assert caught.value.errno is None  # click would swallow EPIPE


def test_a_pipe_that_closes_before_the_last_flush_is_the_same_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8") as stream:
        writer = StreamWriter(stream)
        writer.write({"a": 1})
        with pytest.raises(OSError, match="expected a reader behind the pipe"):
            writer.__exit__(None, None, None)


def test_streams_are_utf8_whatever_the_locale(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="latin-1") as stream, StreamWriter(stream) as writer:
        writer.write({"a": "č"})
    assert (tmp_path / "out").read_bytes() == '{"a": "č"}\n'.encode()


def parquet(tmp_path: Path, *rows: dict[str, object]) -> pa.Table:
    with ParquetWriter(tmp_path / "out.parquet") as writer:
        for row in rows:
            writer.write(EMPTY | row)
    return pq.read_table(tmp_path / "out.parquet")


@pytest.mark.parametrize(
    "values, kind, expected",
    [
        ([1, None, 2], "int64", [1, None, 2]),
        ([1.5, 2.0], "double", [1.5, 2.0]),
        ([True, False], "bool", [True, False]),
        (["x", None], "string", ["x", None]),
        ([None, None], "string", [None, None]),
        ([1, "1"], "string", ["1", '"1"']),
        ([1, True], "string", ["1", "true"]),
        ([2**63, 1], "string", ["9223372036854775808", "1"]),
        ([["a"], None], "string", ['["a"]', "null"]),
        ([{"k": "\ud800"}, "č"], "string", ['{"k": "\\ud800"}', '"č"']),
        (["\ud800", "č"], "string", ["\\ud800", "č"]),
    ],
)
def test_carried_columns_are_typed_when_all_values_are_of_one_type_and_json_otherwise(
    values: list[object], kind: str, expected: list[object], tmp_path: Path
) -> None:
    table = parquet(tmp_path, *({"x": value} for value in values))
    assert str(table.schema.field("x").type) == kind
    assert table.column("x").to_pylist() == expected


@pytest.mark.parametrize(
    "ids, kind, expected",
    [([1, 2], "int64", [1, 2]), ([1, "b"], "string", ["1", "b"]), ([2**63], "string", ["9223372036854775808"])],
)
def test_ids_are_integers_when_all_are(ids: list[object], kind: str, expected: list[object], tmp_path: Path) -> None:
    table = parquet(tmp_path, *({"id": value} for value in ids))
    assert str(table.schema.field("id").type) == kind
    assert table.column("id").to_pylist() == expected


def test_columns_are_the_union_over_all_records_in_the_order_of_the_contract(tmp_path: Path) -> None:
    table = parquet(tmp_path, {"a": 1}, {"b\ud800": "x"})
    assert table.schema.names == [*FIELDS, "a", "b\\ud800"]
    assert table.column("a").to_pylist() == [1, None]
    assert table.column("b\\ud800").to_pylist() == [None, "x"]


def test_row_groups_are_bounded_by_rows_and_by_characters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [len(group) for group in row_groups(["x"] * 2500)] == [1000, 1000, 500]
    monkeypatch.setattr(parquet_writer, "_ROW_GROUP_CHARACTERS", 10)
    assert [len(group) for group in row_groups(["xxxx", "xxxx", "xxxx", "x" * 50, "x"])] == [2, 1, 1, 1]
    assert list(row_groups([])) == []


def test_a_speaker_with_a_lone_surrogate_does_not_end_the_job(tmp_path: Path) -> None:
    sentence = {"where": "text", "start": 0, "end": 1, "labels": [], "scores": None, "attribution": "quoted"}
    table = parquet(tmp_path, {"sentences": [sentence | {"speaker": "\ud800 č"}, sentence | {"speaker": None}]})
    (found,) = table.column("sentences").to_pylist()
    assert [row["speaker"] for row in found] == ["\\ud800 č", None]


def test_a_file_without_records_is_still_parquet(tmp_path: Path) -> None:
    assert parquet(tmp_path).num_rows == 0
