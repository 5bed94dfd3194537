"""Lines of JSON: numbering, encodings, limits."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.serve import json_lines
from tocsin.serve.json_lines import read_json_lines
from tocsin.serve.records import Columns, DeadLetter, Item, Record


def read(data: bytes) -> list[Item]:
    return list(read_json_lines(io.BytesIO(data), "f", Columns(), lambda: None))


def reason(line: str) -> str:
    (item,) = read(line.encode())
    assert isinstance(item, DeadLetter)
    assert item.raw == line
    return item.reason


def test_blank_lines_are_skipped_but_counted_and_every_line_end_is_taken() -> None:
    items = read(b'\xef\xbb\xbf{"text": "a"}\r\n\n  \n{"text": "b"}')
    assert [(item.place, item.raw) for item in items] == [("f:1", '{"text": "a"}'), ("f:4", '{"text": "b"}')]
    assert all(isinstance(item, Record) for item in items)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_json_does_not_have_are_refused(number: str) -> None:
    assert reason(f'{{"text": "a", "x": [{number}]}}') == (
        f"expected a JSON object, found {number}, which JSON does not have"
    )


def test_a_number_that_would_become_infinite_is_refused() -> None:
    assert reason('{"text": "a", "x": -1e999}') == (
        "expected a JSON object, found the number -1e999, which is too large to be kept"
    )


def test_an_integer_beyond_64_bits_is_carried() -> None:
    (item,) = read(b'{"text": "a", "x": 123456789012345678901234567890}')
    assert isinstance(item, Record)
    assert item.carried["x"] == 123456789012345678901234567890


def test_deep_nesting_is_refused_before_and_after_parsing() -> None:
    assert "nested too deeply" in reason('{"text": "a", "x": ' + "[" * 100 + "]" * 100 + "}")
    assert "nested too deeply" in reason("[" * 100_000 + "]" * 100_000)


def test_a_line_beyond_the_limit_is_one_dead_letter_and_the_next_keeps_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_lines, "MAX_CHARACTERS", 40)
    long, short = b'{"text": "' + b"x" * 200 + b'"}\n', b'{"text": "b"}\n'
    first, second = read(long + short)
    assert isinstance(first, DeadLetter)
    assert first.reason == "expected at most 40 bytes, found a longer line (cut in raw)"
    assert (first.place, first.raw) == ("f:1", long[:40].decode())
    assert isinstance(second, Record)
    assert second.place == "f:2"


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()), st.text(), st.integers())
def test_records_survive_json(carried: dict[str, object], text: str, identity: int) -> None:
    row = carried | {"text": text, "id": identity, "title": None, "language": None}
    (item,) = read(json.dumps(row).encode() + b"\n")
    assert isinstance(item, Record)
    assert {**item.carried, "text": item.text, "id": item.id, "title": None, "language": None} == row
