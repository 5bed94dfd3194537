"""The command line as a whole: help, missing extras, errors of the system, signals."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tocsin.serve import main as module
from tocsin.serve.main import main


def point_at(monkeypatch: pytest.MonkeyPatch, load: Callable[[], click.Command]) -> None:
    class Point:
        name = "other"

        def load(self) -> click.Command:
            return load()

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [Point()])


def test_every_command_and_option_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in ("score", "show"):
        assert name in listed
        command = module.cli.get_command(click.Context(module.cli), name)
        assert command is not None
        assert command.help
        assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_a_command_whose_packages_are_missing_is_listed_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> click.Command:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    point_at(monkeypatch, load)
    assert main(["--help"]) == 0
    assert "Not installed: pip install 'tocsin[training]'" in capsys.readouterr().out
    assert main(["other", "some.toml", "--out", "x"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: expected the package 'sklearn', found none; pip install 'tocsin[training]'")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "error, said",
    [
        (ValueError("expected a, found\n b; do c"), "error: expected a, found b; do c"),
        (ValueError("odd"), "error: expected usable input and options, found: odd"),
        (
            OSError(28, "No space left on device", "/d/out"),
            "error: expected to read and write /d/out, found 'No space left on device'; "
            "check its rights and the space left",
        ),
        (FileNotFoundError("expected \udcff"), "error: expected \\udcff"),
    ],
)
def test_an_error_is_one_line(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    point_at(monkeypatch, lambda: click.Command("other", callback=fail))
    assert main(["other"]) == 1
    assert capsys.readouterr().err == said + "\n"


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("bug")

    point_at(monkeypatch, lambda: click.Command("other", callback=fail))
    with pytest.raises(KeyError):
        main(["other"])


def test_a_batch_system_that_ends_the_job_leaves_nothing_behind(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def terminate(*_: object, **__: object) -> None:
        assert list(tmp_path.glob(".*.part"))
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler  # else the tests would end here
        os.kill(os.getpid(), signal.SIGTERM)

    (tmp_path / "in.jsonl").write_text('{"text": "The city is calm today."}\n')
    monkeypatch.setattr("tocsin.serve.job.output_record", terminate)
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["score", str(tmp_path / "in.jsonl"), "--out", str(tmp_path / "out.parquet")]
    assert main([*arguments, "--model", str(tiny_checkpoint)]) == 130
    assert capsys.readouterr().err.strip().startswith("interrupted: ")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_neither_the_command_nor_its_arguments_import_the_model() -> None:
    code = "import sys, tocsin.serve.main, tocsin.serve.command, tocsin.serve.show; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout == "False\n"
