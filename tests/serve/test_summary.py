"""Counts and progress for the reader."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tocsin.model import LABELS
from tocsin.model.article import assemble, prepare
from tocsin.serve import progress
from tocsin.serve.progress import Position, ProgressReport
from tocsin.serve.records import DeadLetter, Record
from tocsin.serve.score import Scored
from tocsin.serve.summary import Summary


def result(text: str, probability: float, language: str = "en") -> Scored:
    article = prepare(text, language=language)
    rows = np.full((len(article.sentences), len(LABELS)), probability)
    return Scored(Record("f:1", 1, text, None, language), assemble(article, rows, dict.fromkeys(LABELS, 0.5)))


def test_the_summary_counts_everything_a_reader_asks_for() -> None:
    summary = Summary("out.dead.jsonl")
    summary.add(result("They are traitors. They are all traitors.", 0.9))
    summary.add(result("The city is calm today.", 0.1))
    summary.add(result("Tout va bien dans la ville.", 0.1, "fr"))
    summary.add(result("123", 0.1))
    for place, reason in [("a.jsonl:3", "expected X, found 1"), ("a.jsonl:9", "expected X, found 2"), ("b.txt", "r")]:
        summary.add(DeadLetter(place, "", reason))
    summary.add_work({"repeated": 2, "tokens": 40})
    summary.engine = "torch"
    first, speed, *rest = summary.lines()
    assert re.fullmatch(r"\d+ tokens/s with torch, peak memory \d+ MB", speed)
    assert int(speed.split()[0]) > 0
    assert first.startswith("4 records scored in ")
    assert "articles/s, 3 sentences), 1 flagged" in first
    assert rest == [
        "labels: divisive 1, escalatory 1, manipulative 1, conciliatory 1; languages: en 3, fr 1",
        "abstained: 1 unsupported language, 1 empty",
        "2 sentences came again and were scored once",
        "3 dead letters in out.dead.jsonl: expected X 2, r 1",
        "dead letters by file: a.jsonl 2, b.txt 1",
    ]


def test_pieces_of_over_long_sentences_are_counted() -> None:
    summary = Summary("")
    summary.add(result("talks go on and " * 2000, 0.1))
    assert "pieces of over-long sentences" in summary.lines()[-1]


def test_a_long_count_is_cut() -> None:
    summary = Summary("")
    for number in range(15):
        summary.add(DeadLetter(f"f{number}.txt", "", "r"))
    assert summary.lines()[-1].endswith("f9.txt 1, and 5 more")


def test_the_position_adds_up_over_files(tmp_path: Path) -> None:
    files: list[Path | None] = [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "a").write_bytes(b"x" * 30)
    (tmp_path / "b").write_bytes(b"x" * 10)
    position = Position(files)
    position.advance(20)
    assert (position.done, position.total) == (20, 40)
    position.finish(files[0])
    position.advance(5)
    assert position.done == 35
    assert Position([None, tmp_path / "a"]).total is None


def test_without_a_terminal_a_line_is_written_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes(b"x" * 40)
    position, summary = Position([tmp_path / "a"]), Summary("")
    position.advance(10)
    with ProgressReport(summary, position) as report:
        report.update()
        assert capsys.readouterr().err == ""
        monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
        report.update()
    said = capsys.readouterr().err
    assert said.startswith("0 articles, 0.0/s, 25% of input, about ")
    assert said.count("\n") == 1


def test_on_a_terminal_a_bar_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    (tmp_path / "a").write_bytes(b"x" * 40)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    position, summary = Position([tmp_path / "a"]), Summary("")
    with ProgressReport(summary, position) as report:
        summary.add(DeadLetter("f:1", "", "r"))
        position.advance(20)
        report.update()
    assert "1 articles, " in terminal.getvalue()
