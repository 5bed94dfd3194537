"""CSV and TSV: quoting, line numbers, rows and headers that do not fit."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tocsin.serve import tables
from tocsin.serve.records import Columns, DeadLetter, Item, Record
from tocsin.serve.tables import check_names, read_table


def read(data: str | bytes, columns: Columns | None = None) -> list[Item]:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(read_table(stream, Path("f.csv"), ",", columns or Columns(), lambda: None))


def test_a_place_is_the_line_on_which_a_row_begins() -> None:
    items = read('\n\nid,text\r\n1,"a\nb\r\n\nc"\r\n\r\n2,"say ""x"", y"\r\n')
    assert [(item.place, item.text, item.id) for item in items if isinstance(item, Record)] == [
        ("f.csv:4", "a\nb\r\n\nc", "1"),
        ("f.csv:9", 'say "x", y', "2"),
    ]
    assert items[0].raw == '1,"a\nb\r\n\nc"'


def test_nul_bytes_are_kept() -> None:
    (item,) = read("text\na\x00b\n")
    assert isinstance(item, Record)
    assert item.text == "a\x00b"


def test_a_quote_that_never_closes_does_not_make_an_article_of_the_rows_behind_it() -> None:
    good, bad = read('id,text\n1,fine\n2,"open\n3,next\n4,last\n')
    assert isinstance(good, Record)
    assert bad == DeadLetter(
        "f.csv:3", '2,"open\n3,next\n4,last', "expected a row of delimited fields, found unexpected end of data"
    )


def test_text_behind_a_closing_quote_is_refused_and_reading_goes_on() -> None:
    bad, good = read('id,text\n1,"a"b\n2,c\n')
    assert isinstance(bad, DeadLetter)
    assert (bad.place, bad.raw) == ("f.csv:2", '1,"a"b')
    assert isinstance(good, Record)
    assert good.place == "f.csv:3"


def test_a_line_beyond_the_limit_is_one_dead_letter_and_the_next_keeps_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "MAX_CHARACTERS", 20)
    bad, good = read("id,text\n1," + "x" * 90 + "\n2,c\n")
    assert bad == DeadLetter(
        "f.csv:2",
        "1," + "x" * 18,
        "expected a row of delimited fields, found a line of more than 20 characters (cut in raw)",
    )
    assert isinstance(good, Record)
    assert (good.id, good.place) == ("2", "f.csv:3")


def test_a_field_of_many_lines_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CHARACTERS", 20)
    items = read('id,text\n1,"' + "x\n" * 30)
    assert not any(isinstance(item, Record) for item in items)
    assert isinstance(items[0], DeadLetter)
    assert "field larger than field limit" in items[0].reason


def test_bytes_of_another_encoding_are_shown_in_the_dead_letter() -> None:
    (item,) = read(b"id,text\n1,Ni\xb9\n")
    assert item == DeadLetter("f.csv:2", "1,Ni\\xb9", "expected UTF-8, found bytes of another encoding")


def test_a_table_without_a_line_has_no_records() -> None:
    assert read("") == read("\n\n") == read("id,text\n") == []


@pytest.mark.parametrize(
    "names, columns, message",
    [
        (["id", "body"], Columns(), "expected a column 'text' in f.csv, found ['id', 'body']; name it with"),
        (["text"], Columns(id="key"), "expected a column 'key' in f.csv, found ['text']; correct --id-column"),
        (["text", "a", "a"], Columns(), "expected every column once in f.csv, found ['a'] more than once"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(names: list[str], columns: Columns, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_names(names, Path("f.csv"), columns)


def test_a_header_without_ids_is_enough() -> None:
    check_names(["text"], Path("f.csv"), Columns())
