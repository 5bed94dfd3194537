"""Everything that can be refused before the model is loaded, which takes a while."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence

from tocsin.serve.readers import check_file
from tocsin.serve.records import Columns
from tocsin.serve.remote import RemotePath, Source, of_each
from tocsin.serve.upload import check_remote_target


def check_inputs(files: Sequence[Source | None], columns: Columns) -> None:
    """Read the beginning of every input file; ValueError or OSError when one cannot be used as a whole."""
    if columns.text == columns.id:
        raise ValueError(f"expected two columns, found {columns.text!r} for both text and id; name another")
    of_each(lambda file: check_file(file, columns), [file for file in files if file is not None])


def check_targets(targets: Sequence[Source], files: Sequence[Source | None], *, overwrite: bool) -> None:
    """ValueError or OSError when one of the output files cannot or must not be written."""
    sources = {file.resolve() for file in files if file is not None}
    if len({target.resolve() for target in targets}) < len(targets):
        raise ValueError(f"expected dead letters in a file of their own, found {targets[0]}; choose another name")
    for target in targets:
        if target.resolve() in sources:
            raise ValueError(f"expected an output that is not an input, found {target}; choose another name")
        if isinstance(target, RemotePath):
            check_remote_target(target, overwrite=overwrite)
            continue
        if target.is_dir():
            raise ValueError(f"expected a file name for the output, found the folder {target}; add a name to it")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"expected the folder {target.parent} for the output, found none; create it")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(f"expected a folder that can be written, found {target.parent}; change its rights")
        if os.path.lexists(target) and not overwrite:
            raise FileExistsError(f"expected no file at {target}, found one; pass --overwrite to replace it")


def check_installed(package: str) -> None:
    """ValueError when the package of an extra with the same name is missing."""
    if importlib.util.find_spec(package) is None:
        raise ValueError(f"expected the package {package!r}, found none; pip install 'tocsin[{package}]'")


def check_thresholds(thresholds: Mapping[str, float], labels: Sequence[str]) -> None:
    """ValueError for an unknown label or a probability that is none."""
    for label, value in thresholds.items():
        if label not in labels:
            raise ValueError(f"expected one of the labels {', '.join(labels)}, found {label!r}")
        if not 0.0 < value < 1.0:
            raise ValueError(f"expected a threshold between 0 and 1 for {label}, found {value:g}; correct --threshold")
