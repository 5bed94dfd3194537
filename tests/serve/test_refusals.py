"""Unusable inputs, options and models end with one clear line before anything is written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.serve.main import main

Refuse = Callable[..., str]


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"text": "The city is calm today."}) + "\n")
    return path


@pytest.fixture
def refuse(tmp_path: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run 'tocsin score', check that it exits with 1, one line and no output, and return the line."""

    def run(*arguments: str | Path, out: Path = tmp_path / "out.jsonl", model: Path = tiny_checkpoint) -> str:
        status = main(["score", *map(str, arguments), "--out", str(out), "--model", str(model)])
        said = capsys.readouterr().err
        assert status == 1
        assert said.count("\n") == 1
        assert said.startswith("error: expected ")
        assert not out.is_file()
        assert not list(tmp_path.glob(".*.part"))
        return said

    return run


def test_a_missing_file(refuse: Refuse, tmp_path: Path) -> None:
    assert "nothing.jsonl, found no such file" in refuse(tmp_path / "nothing.jsonl")


def test_an_unknown_suffix(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_text("x")
    assert "found 'a.docx'" in refuse(tmp_path / "a.docx")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file(refuse: Refuse, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert "expected " in refuse(tmp_path / name)


def test_a_folder_without_articles(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "found none; add articles" in refuse(tmp_path / "empty")


def test_a_table_without_the_text_column(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,body\n1,x\n")
    assert "expected a column 'text' in" in refuse(tmp_path / "a.csv")
    assert "found ['id', 'body']; name it with --text-column" in refuse(tmp_path / "a.csv")


def test_a_file_that_is_not_parquet(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("not parquet")
    assert "expected Parquet in" in refuse(tmp_path / "a.parquet")


def test_an_unknown_output_suffix(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    assert "suffix .jsonl or .parquet" in refuse(article, out=tmp_path / "out.xlsx")


def test_an_output_folder_that_is_missing_or_a_folder_itself(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    assert "create it" in refuse(article, out=tmp_path / "none" / "out.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    assert "found the folder" in refuse(article, out=tmp_path / "folder.jsonl")


def test_an_output_that_is_an_input(article: Path, tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = article.read_bytes()
    status = main(["score", str(article), "--out", str(article), "--overwrite", "--model", str(tiny_checkpoint)])
    assert status == 1
    assert "an output that is not an input" in capsys.readouterr().err
    assert article.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "change its rights" in refuse(article, out=tmp_path / "locked" / "out.jsonl")


def test_an_output_folder_without_write_access_as_root_sees_it(
    refuse: Refuse, article: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "change its rights" in refuse(article)


def test_dead_letters_in_the_output_or_over_a_file_that_exists(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    same = tmp_path / "here" / ".." / "out.jsonl"
    assert "expected dead letters in a file of their own" in refuse(article, "--dead-letters", same)
    (tmp_path / "dead.jsonl").write_text("of another run")
    for out in (tmp_path / "out.jsonl", Path("-")):
        assert "dead.jsonl, found one; pass --overwrite" in refuse(
            article, "--dead-letters", tmp_path / "dead.jsonl", out=out
        )
    assert "not an input" in refuse(article, "--dead-letters", article, "--overwrite", out=Path("-"))


def test_an_output_that_exists_as_a_broken_link(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").symlink_to("nowhere")
    assert "pass --overwrite" in refuse(article)


def test_one_column_for_text_and_id(refuse: Refuse, article: Path) -> None:
    assert "found 'text' for both text and id" in refuse(article, "--id-column", "text")


def test_the_last_of_many_files_is_checked_before_the_model_is_loaded(
    refuse: Refuse, article: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin.serve.job.RhetoricClassifier", None)  # any use of it would be another error
    (tmp_path / "z.csv").write_text("id,body\n1,x\n")
    assert "found ['id', 'body']; name it with --text-column" in refuse(article, tmp_path / "z.csv")
    assert "found 'tpu9'" in refuse(article, "--device", "tpu9")


def test_a_gzip_file_that_is_none(refuse: Refuse, article: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_text("plain text")
    assert "expected a gzip stream in" in refuse(article, tmp_path / "a.jsonl.gz")


def test_a_threshold_outside_its_range_or_of_an_unknown_label(refuse: Refuse, article: Path) -> None:
    assert "between 0 and 1 for divisive, found 7" in refuse(article, "--threshold", "divisive=7")
    assert "one of the labels" in refuse(article, "--threshold", "toxic=0.5")


def test_an_unknown_device(refuse: Refuse, article: Path) -> None:
    assert "found 'tpu9'" in refuse(article, "--device", "tpu9")


def test_a_model_that_is_missing_damaged_or_of_other_labels(
    refuse: Refuse, article: Path, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    assert "tocsin.json at" in refuse(article, model=tmp_path / "nowhere")
    folder = Path(shutil.copytree(tiny_checkpoint, tmp_path / "damaged"))
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[len(data) // 2] ^= 0x10
    (folder / "weights.safetensors").write_bytes(data)
    assert "the file is damaged" in refuse(article, model=folder)
    other = Path(shutil.copytree(tiny_checkpoint, tmp_path / "labels"))
    fields = json.loads((other / "tocsin.json").read_text())
    (other / "tocsin.json").write_text(json.dumps(fields | {"labels": fields["labels"][::-1]}))
    assert "expected the labels" in refuse(article, model=other)


def test_wrong_usage_exits_with_two(capsys: pytest.CaptureFixture[str], article: Path) -> None:
    for arguments in (
        ["score"],
        ["score", str(article)],
        ["nonsense"],
        ["score", str(article), "--out", "-", "--limit", "0"],
    ):
        assert main(arguments) == 2
    assert main(["score", str(article), "--out", "-", "--threshold", "divisive"]) == 2
    assert "expected LABEL=P" in capsys.readouterr().err
    assert main(["--help"]) == 0


def test_an_interrupt_leaves_nothing_and_exits_with_130(
    article: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tocsin.serve.job.output_record", interrupt)
    assert main(["score", str(article), "--out", str(tmp_path / "out.jsonl"), "--model", str(tiny_checkpoint)]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_an_output_that_fails_at_its_very_end_leaves_no_dead_letters_either(
    refuse: Refuse, article: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with article.open("a") as lines:
        lines.write("{broken\n")
    monkeypatch.setattr("tocsin.serve.parquet_writer.pq.ParquetWriter", fail)
    assert "found 'No space left on device'" in refuse(article, out=tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_options_of_a_cluster(refuse: Refuse, article: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "expected a job folder with --workers" in refuse(article, "--workers", "2")
    assert "expected a job folder with --runner ray" in refuse(article, "--runner", "ray")
    (tmp_path / "job").mkdir()
    on_ray = [article, "--runner", "ray"]
    assert "found 'cuda:1'; leave the number out" in refuse(*on_ray, "--device", "cuda:1", out=tmp_path / "job")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "found none; pip install 'tocsin[ray]'" in refuse(*on_ray, out=tmp_path / "job")
