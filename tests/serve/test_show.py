"""The table shows what was found, in the reader's own words."""

import json
from pathlib import Path

import pytest

from tocsin.serve.main import main


@pytest.fixture
def scored(tmp_path: Path, tiny_checkpoint: Path) -> tuple[Path, Path]:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        json.dumps({"id": "a", "text": "Talks go on. The minister said we will take it back by force."})
        + "\n"
        + json.dumps({"id": "b", "text": "Le maire a dit que tout va bien ici."})
        + "\n"
    )
    options = ["--threshold", "escalatory=0.4", "--threshold", "divisive=0.4"]
    assert main(["score", str(source), "--out", str(out), "--model", str(tiny_checkpoint), *options]) == 0
    return source, out


def test_sentences_are_printed_from_the_articles(scored: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    source, out = scored
    assert main(["show", str(out), "--articles", str(source)]) == 0
    shown = capsys.readouterr().out
    assert "unsupported_language" in shown
    assert "Talks go on." in shown or "The minister said" in shown


def test_without_the_articles_places_are_printed(scored: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(scored[1])]) == 0
    assert "text[" in capsys.readouterr().out


@pytest.mark.parametrize("content, message", [(None, "run tocsin score first"), ("{broken", "expected JSON Lines in")])
def test_a_file_that_cannot_be_shown_is_refused(
    tmp_path: Path, content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scored.jsonl"
    if content is not None:
        path.write_text(content)
    assert main(["show", str(path)]) == 1
    assert message in capsys.readouterr().err
