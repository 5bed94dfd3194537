"""Which files the arguments of a command name."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from tocsin.serve.readers import SUFFIXES, format_of

STDIN = "-"


def expand_inputs(arguments: Sequence[str]) -> list[Path | None]:
    """Files named by paths, folders and patterns, each once, in order; None stands for standard input.

    Folders are read recursively, sorted by name, supported suffixes only. Raises FileNotFoundError for what names no
    file and ValueError for an unknown suffix.
    """
    files: list[Path | None] = []
    for argument in arguments:
        files += [None] if argument == STDIN else list(_files_of(argument))
    return list(dict.fromkeys(files))


def _files_of(argument: str) -> list[Path]:
    path = Path(argument)
    if path.is_dir():
        found = [file for file in sorted(path.rglob("*")) if file.is_file() and format_of(file)]
        if not found:
            raise FileNotFoundError(
                f"expected files with a suffix of {', '.join(SUFFIXES)} in {path}, found none; add articles to it"
            )
        return found
    if path.exists():
        return [_supported(path)]
    matches = [Path(name) for name in sorted(glob.glob(argument, recursive=True))]
    if not matches:
        raise FileNotFoundError(f"expected an input at {argument}, found no such file; check the path")
    return [_supported(file) for file in matches if file.is_file()]


def _supported(path: Path) -> Path:
    if format_of(path) is None:
        raise ValueError(
            f"expected a suffix of {', '.join(SUFFIXES)} (or .gz behind one), found {path.name!r}; rename or convert it"
        )
    return path
