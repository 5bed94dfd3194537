"""Parquet in: row by row, and every type of cell as JSON can hold it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.serve.output import to_json
from tocsin.serve.parquet import check_parquet, plain, read_parquet
from tocsin.serve.records import Columns, DeadLetter, Record


def write(path: Path, **columns: Iterable[object]) -> Path:
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path, row_group_size=100)
    return path


def test_rows_come_in_order_over_all_row_groups_and_tell_how_far_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", text=[f"t{n}" for n in range(250)], id=range(250))
    told: list[int] = []
    items = list(read_parquet(path, Columns(), told.append))
    assert [(item.id, item.place) for item in items if isinstance(item, Record)] == [
        (n, f"{path}:{n + 1}") for n in range(250)
    ]
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_rows_are_read_lazily(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", text=["t"] * 1000)
    told: list[int] = []
    next(read_parquet(path, Columns(), told.append))
    assert told == []  # not even the first batch has been handed out


def test_a_row_without_text_is_a_dead_letter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", text=["t", None], n=[1, 2])
    first, second = read_parquet(path, Columns(), lambda _: None)
    assert isinstance(first, Record)
    assert second == DeadLetter(f"{path}:2", '{"text": null, "n": 2}', "expected a string in 'text', found null")


@pytest.mark.parametrize(
    "value, expected",
    [
        (float("nan"), None),
        (float("inf"), None),
        (1.5, 1.5),
        (True, True),
        (datetime.datetime(2024, 1, 2, 3, tzinfo=datetime.UTC), "2024-01-02T03:00:00+00:00"),
        (datetime.date(2024, 1, 2), "2024-01-02"),
        (datetime.timedelta(seconds=5), "0:00:05"),
        (Decimal("1.10"), "1.10"),
        (b"ab\xff", "ab\\xff"),
        ([("key", float("nan"))], [["key", None]]),
        ({"a": [b"x"]}, {"a": ["x"]}),
    ],
)
def test_cells_become_json(value: object, expected: object) -> None:
    assert plain(value) == expected
    to_json(plain(value))


def test_columns_and_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a column 'text' in .*, found \\['body'\\]"):
        check_parquet(write(tmp_path / "a.parquet", body=["t"]), Columns())
    with pytest.raises(ValueError, match="expected strings in column 'text' of .*, found int64; convert it"):
        check_parquet(write(tmp_path / "b.parquet", text=[1]), Columns())
    whole = write(tmp_path / "c.parquet", text=["t"] * 100).read_bytes()
    (tmp_path / "c.parquet").write_bytes(whole[:-50])
    with pytest.raises(ValueError, match="expected Parquet in .*; repair the file"):
        check_parquet(tmp_path / "c.parquet", Columns())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_every_kind_of_string_column_is_text(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"text": pa.array(["t"]).cast(kind)}), tmp_path / "a.parquet")
    check_parquet(tmp_path / "a.parquet", Columns())
    (item,) = read_parquet(tmp_path / "a.parquet", Columns(), lambda _: None)
    assert isinstance(item, Record)
    assert item.text == "t"
