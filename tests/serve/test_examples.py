"""What the examples and documents tell the reader to run can be run: every option exists, every file can be read."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tocsin.serve.main import cli

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "examples").glob("*.yaml"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_option_of_a_documented_command_exists(path: Path) -> None:
    context = click.Context(cli)
    text = re.sub(r"\\\n[#\s]*", " ", path.read_text(encoding="utf-8"))
    for name, rest in re.findall(r"\btocsin (score|verify|retry|show)\b([^\n`|;]*)", text):
        command = cli.get_command(context, name)
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)--[a-z-]+", rest)) <= known | {"--help"}, rest


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_yaml_of_the_examples_can_be_read(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))
