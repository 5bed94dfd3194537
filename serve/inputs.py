"""Which files the arguments of a command name, local or behind URLs."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tocsin.serve.formats import SUFFIXES, format_of
from tocsin.serve.remote import RemotePath, Source, files_below, find_remote, is_url, shown

STDIN = "-"


def expand_inputs(arguments: Sequence[str]) -> list[Source | None]:
    """Files named by paths, URLs, folders and patterns, each once, in order; None stands for standard input.

    Folders are read recursively, sorted by name, supported suffixes only. Raises FileNotFoundError for what names no
    file and ValueError for an unknown suffix.
    """
    files: dict[Source | None, Source | None] = {}
    for argument in arguments:
        for file in [None] if argument == STDIN else _files_of(argument):
            files.setdefault(file and file.resolve(), file)
    return list(files.values())


def _files_of(argument: str) -> list[Source]:
    matches = find_remote(argument) if is_url(argument) else _find_local(argument)
    if not matches:
        raise FileNotFoundError(f"expected an input at {shown(argument)}, found no such file; check the path")
    return [file for match in matches for file in _files_at(match)]


def _find_local(argument: str) -> Sequence[Path]:
    if os.path.lexists(argument):  # also when the name looks like a pattern
        return [Path(argument)]
    return [Path(match) for match in sorted(glob.glob(argument, recursive=True))]


def _files_at(path: Source) -> list[Source]:
    if path.is_dir():
        below: Sequence[Source] = files_below(path) if isinstance(path, RemotePath) else _walk(path)
        found = [file for file in below if format_of(file)]
        if not found:
            raise FileNotFoundError(
                f"expected files with a suffix of {', '.join(SUFFIXES)} in {path}, found none; add articles to it"
            )
        return found
    if not path.is_file():
        raise FileNotFoundError(f"expected a file or folder at {path}, found neither; pipe it in and give -")
    if format_of(path) is None:
        raise ValueError(
            f"expected a suffix of {', '.join(SUFFIXES)} (or .gz behind one), found {path.name!r}; rename or convert it"
        )
    return [path]


def _walk(folder: Path) -> list[Path]:
    """Files below a folder, sorted; a folder that cannot be read is an error and not skipped."""
    found = (Path(parent, name) for parent, _, names in os.walk(folder, onerror=_refuse) for name in names)
    return sorted(file for file in found if file.is_file())


def _refuse(error: OSError) -> NoReturn:
    raise error
