"""One run of ``tocsin score``: check everything, then read, score and write in one pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tocsin.model import RhetoricClassifier
from tocsin.model.labels import check_label
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.output import output_record, to_json
from tocsin.serve.readers import read_file
from tocsin.serve.records import Columns, DeadLetter, Record, reject_duplicates
from tocsin.serve.score import ClassifierEngine, Options, score_records
from tocsin.serve.summary import ProgressReport, Summary
from tocsin.serve.writers import STDOUT, JsonLinesWriter, Writer, open_writer


@dataclass(frozen=True, slots=True)
class Job:
    """What to score and how, as given on the command line."""

    inputs: Sequence[str]
    out: str
    model: str = "default"
    overwrite: bool = False
    limit: int | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    all_sentences: bool = False
    columns: Columns = field(default_factory=Columns)
    device: str | None = None
    precision: str = "fp32"
    any_language: bool = False
    batch_tokens: int = 4096
    dead_letters: str | None = None  # path; beside the output when not set


def run_job(job: Job) -> Summary:
    """Score every input into the output and say what was done.

    Raises ValueError, FileNotFoundError, FileExistsError or OSError before anything is written when inputs, output,
    model or options cannot be used; and leaves no partial output when it fails or is interrupted later.
    """
    files = expand_inputs(job.inputs)
    dead_path = _dead_letter_path(job)
    writer = open_writer(job.out)
    _check_targets(job, files, dead_path)
    _check_options(job)
    items = _items(files, job)
    first = next(items, None)
    if first is None:
        names = ", ".join(str(file or "<stdin>") for file in files[:3])
        raise ValueError(f"expected at least one record, found none in {names}; give a file that holds articles")
    classifier = RhetoricClassifier.from_pretrained(job.model, device=job.device, precision=job.precision)
    classifier = classifier.with_thresholds(job.thresholds) if job.thresholds else classifier
    return _score(job, files, first, items, classifier, writer, dead_path)


class _Position:
    """Bytes read of all input files."""

    def __init__(self) -> None:
        self.finished = self.current = 0

    def advance(self, position: int) -> None:
        self.current = position

    @property
    def total(self) -> int:
        return self.finished + self.current


class _Items(Iterator[Record | DeadLetter]):
    def __init__(self, source: Iterator[Record | DeadLetter], position: _Position) -> None:
        self.source, self.position = source, position

    def __next__(self) -> Record | DeadLetter:
        return next(self.source)


def _items(files: Sequence[Path | None], job: Job) -> _Items:
    position = _Position()

    def read() -> Iterator[Record | DeadLetter]:
        for file in files:
            yield from read_file(file, job.columns, position.advance)
            position.finished += file.stat().st_size if file is not None else 0
            position.current = 0

    return _Items(islice(reject_duplicates(read()), job.limit), position)


def _score(
    job: Job,
    files: Sequence[Path | None],
    first: Record | DeadLetter,
    items: _Items,
    classifier: RhetoricClassifier,
    writer: Writer,
    dead_path: Path | None,
) -> Summary:
    summary = Summary()
    engine = ClassifierEngine(classifier, job.batch_tokens)
    options = Options(classifier.thresholds, job.any_language)
    dead_writer = JsonLinesWriter(dead_path, lazy=True) if dead_path else _StderrDeadLetters()
    with writer, dead_writer, ProgressReport(summary, files) as progress:
        for result in score_records(_chain(first, items), engine, options):
            summary.add(result)
            if isinstance(result, DeadLetter):
                dead_writer.write(result.as_dict())
            else:
                writer.write(output_record(result, classifier.model_id, all_sentences=job.all_sentences))
            progress.update(items.position.total)
    return summary


def _chain(first: Record | DeadLetter, rest: Iterator[Record | DeadLetter]) -> Iterator[Record | DeadLetter]:
    yield first
    yield from rest


class _StderrDeadLetters:
    """Dead letters of a run that writes to standard output: nowhere is "beside" it."""

    def write(self, record: dict[str, Any]) -> None:
        sys.stderr.write(to_json(record) + "\n")

    def __enter__(self) -> _StderrDeadLetters:
        return self

    def __exit__(self, *_: object) -> None:
        return


def _dead_letter_path(job: Job) -> Path | None:
    if job.dead_letters:
        return Path(job.dead_letters)
    if job.out == STDOUT:
        return None
    out = Path(job.out)
    return out.with_name(f"{out.stem}.dead.jsonl")


def _check_targets(job: Job, files: Sequence[Path | None], dead_path: Path | None) -> None:
    if job.out == STDOUT:
        return
    out = Path(job.out)
    sources = {file.resolve() for file in files if file is not None}
    for target in [out] + ([dead_path] if dead_path else []):
        if target.resolve() in sources:
            raise ValueError(f"expected an output that is not an input, found {target}; choose another name")
        if target.is_dir():
            raise ValueError(f"expected a file name for the output, found the folder {target}; add a name to it")
        if not target.parent.is_dir():
            raise FileNotFoundError(f"expected the folder {target.parent} for the output, found none; create it")
        if not os.access(target.parent, os.W_OK):
            raise PermissionError(f"expected a folder that can be written, found {target.parent}; change its rights")
        if target.exists() and not job.overwrite:
            raise FileExistsError(f"expected no file at {target}, found one; pass --overwrite to replace it")


def _check_options(job: Job) -> None:
    for label, value in job.thresholds.items():
        check_label(label)
        if not 0.0 < value < 1.0:
            raise ValueError(f"expected a threshold between 0 and 1 for {label}, found {value:g}")
