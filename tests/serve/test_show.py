"""tocsin show: a scored file for a reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tocsin.model import LABELS
from tocsin.serve.main import main

TEXT = "The city is [b]calm[/b] today. \x1b[31mThey are traitors.\n"


def scored(identity: object = "[/red]", **changes: Any) -> dict[str, Any]:  # noqa: ANN401
    low, high = dict.fromkeys(LABELS, 0.1), dict.fromkeys(LABELS, 0.1) | {"divisive": 0.91, "escalatory": 0.6}
    sentence = {"where": "text", "attribution": "quoted", "speaker": "the mayor"}
    record = {
        "id": identity,
        "language": "en",
        "status": "ok",
        "labels": ["divisive", "escalatory"],
        "scores": high,
        "outlet_scores": low | {"divisive": 0.04},
        "sentences": [
            sentence | {"start": 0, "end": 30, "labels": ["escalatory"], "scores": low | {"escalatory": 0.6}},
            sentence | {"start": 31, "end": 54, "labels": ["divisive"], "scores": low | {"divisive": 0.91}},
        ],
    }
    return record | changes


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_the_strongest_label_and_its_sentence_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write(tmp_path / "scored.jsonl", scored())
    articles = write(tmp_path / "in.jsonl", {"id": "other", "text": "x"}, {"id": "[/red]", "text": TEXT})
    assert main(["show", out, "--articles", articles]) == 0
    said = capsys.readouterr().out
    for part in ("[/red]", "divisive 0.91", "escalatory 0.60", "0.04", "They are traitors.", "(quoted, the mayor;"):
        assert part in said
    assert "[31m" in said
    assert "\x1b" not in said  # an article must not colour the terminal
    assert "calm" not in said


def test_what_raised_the_flag_comes_before_a_stronger_conciliatory_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = scored(1, labels=["divisive", "conciliatory"])
    record["scores"]["conciliatory"] = 0.99
    record["sentences"].append(
        record["sentences"][0] | {"start": 60, "labels": ["conciliatory"], "scores": record["scores"] | {"divisive": 0}}
    )
    assert main(["show", write(tmp_path / "scored.jsonl", record)]) == 0
    said = capsys.readouterr().out
    assert said.index("divisive 0.91") < said.index("conciliatory 0.99")
    assert "text[31:54]" in said


def test_square_brackets_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = scored(1, labels=["escalatory"])
    out = write(tmp_path / "scored.jsonl", record)
    main(["show", out, "--articles", write(tmp_path / "in.jsonl", {"id": 1, "text": TEXT})])
    assert "The city is [b]calm[/b] today." in capsys.readouterr().out


def test_without_the_articles_the_place_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", write(tmp_path / "scored.jsonl", scored())]) == 0
    assert "text[31:54] (quoted, the mayor; divisive)" in capsys.readouterr().out


def test_articles_without_scores_or_labels_are_shown_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        scored(1, status="unsupported_language", labels=[], scores=None, outlet_scores=None, sentences=[]),
        scored(2, labels=[], sentences=[]),
    ]
    assert main(["show", write(tmp_path / "scored.jsonl", *rows)]) == 0
    said = capsys.readouterr().out
    assert "unsupported_language" in said
    assert "none (divisive 0.91)" in said


def test_the_limit_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = write(tmp_path / "scored.jsonl", *(scored(f"n{number}") for number in range(3)))
    assert main(["show", out, "--limit", "2"]) == 0
    said = capsys.readouterr().out
    assert "first 2 records" in said
    assert "n1" in said
    assert "n2" not in said


@pytest.mark.parametrize(
    "content, message",
    [
        ("{broken\n", "expected JSON Lines in "),
        ('{"id": 1, "text": "x"}\n', "expected a scored record in "),
        ("[1]\n", "expected a scored record in "),
    ],
)
def test_a_file_that_was_not_scored_is_refused(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    assert main(["show", str(tmp_path / "a.jsonl")]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}{tmp_path / 'a.jsonl'}:1, found ")
    assert said.count("\n") == 1


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(tmp_path / "none.jsonl")]) == 1
    assert "found none; run tocsin score first" in capsys.readouterr().err


def test_what_score_writes_can_be_shown(
    tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    articles = write(
        tmp_path / "in.jsonl",
        {"id": "a", "text": "Talks go on."},
        {"id": "b", "text": "Le maire a dit que tout va bien ici."},
    )
    options = [f"--threshold={label}=0.0001" for label in LABELS]
    out = str(tmp_path / "out.jsonl")
    assert main(["score", articles, "--out", out, "--model", str(tiny_checkpoint), *options]) == 0
    assert main(["show", out, "--articles", articles]) == 0
    said = capsys.readouterr().out
    assert "Talks go on. (outlet; " in said
    assert "unsupported_language" in said
