"""Files as a whole: what is checked before the model is loaded, text files, broken compression."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tocsin.serve import readers
from tocsin.serve.readers import check_file, read_file
from tocsin.serve.records import Columns, DeadLetter, Item, Record


def read(path: Path) -> list[Item]:
    check_file(path, Columns())
    return list(read_file(path, Columns(), lambda _: None))


def test_a_text_file_is_one_article_exactly_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfOne.\r\n\r\nTwo.\n")
    assert read(path) == [Record(str(path), str(path), "One.\r\n\r\nTwo.\n", None, None, {}, "One.\r\n\r\nTwo.\n")]


def test_a_text_file_that_is_too_long_or_not_utf8_is_a_dead_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"Ni\xb9")
    assert read(path) == [DeadLetter(str(path), "Ni\\xb9", "expected UTF-8, found byte 0xb9 at 2")]
    monkeypatch.setattr(readers, "MAX_CHARACTERS", 2)
    (item,) = read(path)
    assert isinstance(item, DeadLetter)
    assert item.reason == "expected at most 2 bytes, found a longer file (cut in raw)"


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz", "a.txt.gz", "A.JSONL.GZ"])
@pytest.mark.parametrize("data", [b"no gzip at all", gzip.compress(b"text\nb\n")[:12]])
def test_a_gzip_file_of_which_nothing_can_be_read_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ValueError, match="expected a (gzip stream|table) in .*, found .*; (fetch|repair) the file"):
        check_file(tmp_path / name, Columns())


def test_a_file_that_may_not_be_read_is_found_by_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.jsonl").write_text("{}")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError):
        check_file(tmp_path / "a.jsonl", Columns())


def test_progress_counts_the_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a"}\n' * 1000))
    told: list[int] = []
    assert len(list(read_file(path, Columns(), told.append))) == 1000
    assert told[-1] == path.stat().st_size


def test_lines_are_read_lazily(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n' * 100_000)
    told: list[int] = []
    items = read_file(path, Columns(), told.append)
    next(items)
    assert len(told) == 1
    assert told[0] < path.stat().st_size
