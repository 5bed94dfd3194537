"""Which files arguments name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tocsin.serve.formats import format_of
from tocsin.serve.inputs import expand_inputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with news/{b.jsonl, c.pdf, deep/a.csv.gz, [x].txt}."""
    (tmp_path / "news" / "deep").mkdir(parents=True)
    for name in ("b.jsonl", "c.pdf", "deep/a.csv.gz", "[x].txt"):
        (tmp_path / "news" / name).write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str) -> list[str]:
    return [str(file or "-") for file in expand_inputs(arguments)]


def test_a_folder_gives_its_supported_files_sorted(folder: Path) -> None:
    assert names("news") == ["news/[x].txt", "news/b.jsonl", "news/deep/a.csv.gz"]


def test_a_pattern_finds_files_and_folders(folder: Path) -> None:
    assert names("news/*.jsonl", "n*s/d*") == ["news/b.jsonl", "news/deep/a.csv.gz"]
    assert names("**/*.csv.gz") == ["news/deep/a.csv.gz"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(folder: Path) -> None:
    assert names("news/[x].txt") == ["news/[x].txt"]


def test_each_file_counts_once_however_it_is_named(folder: Path) -> None:
    os.symlink("b.jsonl", "news/z.jsonl")
    assert names("news/b.jsonl", "./news/../news/b.jsonl", "news/z.jsonl", "-", "-") == ["news/b.jsonl", "-"]


@pytest.mark.parametrize(
    "argument, message",
    [
        ("nothing.jsonl", "expected an input at nothing.jsonl, found no such file"),
        ("news/*.docx", "expected an input at news/*.docx, found no such file"),
        ("news/c.*", "found 'c.pdf'"),
        ("/dev/null", "expected a file or folder at /dev/null, found neither"),
    ],
)
def test_what_names_nothing_usable_is_refused(folder: Path, argument: str, message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        expand_inputs([argument])
    assert message in str(caught.value)


def test_a_folder_that_cannot_be_read_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        expand_inputs(["news"])


@pytest.mark.parametrize(
    "name, kind",
    [("A.JSONL.GZ", ".jsonl"), ("a.ndjson", ".jsonl"), ("a.parquet", ".parquet"), ("a.parquet.gz", None), ("a", None)],
)
def test_formats_are_told_by_suffix(name: str, kind: str | None) -> None:
    assert format_of(Path(name)) == kind
