"""Validation of single records, and ids that come twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tocsin.serve.records import MAX_DEPTH, Columns, DeadLetter, Item, Record, make_record, reject_duplicates


def make(row: dict[str, Any], columns: Columns | None = None) -> Item:
    return make_record(row, "f:1", "raw", columns or Columns())


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_fields_that_are_not_read_are_carried_unchanged() -> None:
    made = make({"text": "t", "id": 5, "title": "T", "language": "sr", "outlet": None, "tags": [{"a": 1.5}]})
    assert made == Record("f:1", 5, "t", "T", "sr", {"outlet": None, "tags": [{"a": 1.5}]}, "raw")


@pytest.mark.parametrize("row", [{}, {"id": None}])
def test_without_an_id_the_place_is_the_id(row: dict[str, Any]) -> None:
    made = make({"text": "t"} | row)
    assert isinstance(made, Record)
    assert made.id == "f:1"


@pytest.mark.parametrize("language", [None, "", "  "])
def test_a_blank_language_counts_as_not_given(language: str | None) -> None:
    made = make({"text": "t", "language": language})
    assert isinstance(made, Record)
    assert made.language is None


def test_a_title_that_is_the_text_is_not_scored_twice() -> None:
    made = make({"title": "Headline", "text": "body"}, Columns(text="title"))
    assert made == Record("f:1", "f:1", "Headline", None, None, {"text": "body"}, "raw")


def test_values_are_carried_up_to_the_depth_that_every_writer_can_write() -> None:
    assert isinstance(make({"text": "t", "x": nested(MAX_DEPTH)}), Record)
    made = make({"text": "t", "x": nested(MAX_DEPTH + 1)})
    assert isinstance(made, DeadLetter)
    assert made.reason == f"expected at most {MAX_DEPTH} levels in 'x', found JSON nested too deeply"


def test_the_second_record_of_an_id_is_refused_with_the_place_of_the_first() -> None:
    items: list[Item] = [
        Record("a:1", 1, "t", None, None),
        Record("a:2", "1", "t", None, None),
        DeadLetter("a:3", "", "r"),
        Record("b\udcff:1", "\ud800", "t", None, None),
        Record("b:2", "\ud800", "t", None, None, raw="line"),
    ]
    *kept, last = reject_duplicates(items)
    assert kept == items[:4]  # 1 and "1" are two ids
    assert last == DeadLetter("b:2", "line", "expected a new id, found '\\ud800' again (first at b\\udcff:1)")


def test_duplicates_are_found_without_reading_ahead() -> None:
    taken = 0

    def source() -> Iterator[Item]:
        nonlocal taken
        for number in range(10):
            taken += 1
            yield Record(f"f:{number}", number, "t", None, None)

    next(reject_duplicates(source()))
    assert taken == 1
