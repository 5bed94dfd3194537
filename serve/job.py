"""One run of ``tocsin score``: check everything, then read, score and write in one pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.model.languages import load_identifier
from tocsin.serve.checks import check_inputs, check_targets, check_thresholds
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.output import output_record
from tocsin.serve.parquet_writer import ParquetWriter
from tocsin.serve.progress import Position, ProgressReport
from tocsin.serve.readers import STDIN_NAME, read_file
from tocsin.serve.records import Columns, DeadLetter, Item, reject_duplicates
from tocsin.serve.score import ClassifierEngine, Options, score_records
from tocsin.serve.summary import Summary
from tocsin.serve.writers import JsonLinesWriter, StreamWriter, Writer

STDOUT = "-"
JSON_LINES, PARQUET = "jsonl", "parquet"  # formats of shards
_JSON_LINES, _PARQUET = (".jsonl", ".ndjson"), ".parquet"


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
    batch_tokens: int = 4096  # padded
    dead_letters: str | None = None  # path; beside the output when not set
    shard_format: str = JSON_LINES  # of a job folder
    shard_records: int = 1000  # input records of one shard of a job folder

    def __post_init__(self) -> None:
        if self.is_folder:
            if self.dead_letters:
                raise ValueError("expected no --dead-letters with a job folder, which holds them; leave it out")
        elif self.out != STDOUT and Path(self.out).suffix.lower() not in (*_JSON_LINES, _PARQUET):
            raise ValueError(
                f"expected an output with the suffix .jsonl or .parquet, a folder ending in /, or -, "
                f"found {self.out!r}; rename it"
            )

    @property
    def is_folder(self) -> bool:
        """Whether the output is a job folder (folder.py): it ends in a slash, or is a folder not named like a file."""
        if self.out == STDOUT or self.out.endswith(("/", os.sep)):
            return self.out != STDOUT
        return Path(self.out).is_dir() and Path(self.out).suffix.lower() not in (*_JSON_LINES, _PARQUET)

    @property
    def out_path(self) -> Path | None:
        """The output file; None for standard output."""
        return None if self.out == STDOUT else Path(self.out)

    @property
    def dead_path(self) -> Path | None:
        """The file for dead letters; None for standard error, since nothing is beside standard output."""
        if self.dead_letters:
            return Path(self.dead_letters)
        return self.out_path and self.out_path.with_name(f"{self.out_path.stem}.dead.jsonl")


def run_job(job: Job) -> Summary:
    """Score every input into the output and say what was done.

    Raises ValueError or OSError before the model is loaded when inputs, outputs or options cannot be used, and when
    the model cannot; leaves no partial output when it fails or is interrupted later.
    """
    files = expand_inputs(job.inputs)
    check_targets([path for path in (job.out_path, job.dead_path) if path], files, overwrite=job.overwrite)
    check_inputs(files, job.columns)
    check_thresholds(job.thresholds, read_description(resolve_checkpoint(job.model)).labels)
    resolve_device(job.device)
    position = Position(files)
    items = read_items(job, files, position)
    first = next(items, None)
    if first is None:
        raise no_records(files)
    classifier = load_classifier(job)
    return _score(job, chain([first], items), classifier, position)


def read_items(job: Job, files: Sequence[Path | None], position: Position) -> Iterator[Item]:
    """Every record of the inputs in order, up to the limit; the second of an id is a dead letter."""
    return islice(reject_duplicates(_read(files, job.columns, position)), job.limit)


def no_records(files: Sequence[Path | None]) -> ValueError:
    """The error for inputs without a single record."""
    names = ", ".join(str(file or STDIN_NAME) for file in files[:3])
    return ValueError(f"expected at least one record, found none in {names}; give a file that holds articles")


def load_classifier(job: Job) -> RhetoricClassifier:
    """The job's model with the job's thresholds."""
    device = resolve_device(job.device)
    with ThreadPoolExecutor(max_workers=1) as beside:
        beside.submit(load_identifier)
        classifier = RhetoricClassifier.from_pretrained(job.model, device=device, precision=job.precision)
    return classifier.with_thresholds(job.thresholds) if job.thresholds else classifier


def scoring_options(job: Job, classifier: RhetoricClassifier) -> Options:
    """What changes scores besides the model."""
    description = classifier.description
    return Options(classifier.thresholds, job.any_language, description.flagging, description.length_corrections)


def _read(files: Sequence[Path | None], columns: Columns, position: Position) -> Iterator[Item]:
    for file in files:
        yield from read_file(file, columns, position.advance)
        position.finish(file)


def _score(job: Job, items: Iterator[Item], classifier: RhetoricClassifier, position: Position) -> Summary:
    summary = Summary(dead_letters=str(job.dead_path or "standard error"))
    engine = ClassifierEngine(classifier, job.batch_tokens)
    options = scoring_options(job, classifier)
    # The output is finished first: without it there are no dead letters either.
    with (
        _open_dead_letters(job) as dead,
        _open_output(job, classifier.labels) as out,
        ProgressReport(summary, position) as progress,
    ):
        for result in score_records(items, engine, options):
            summary.add(result)
            if isinstance(result, DeadLetter):
                dead.write(result.as_dict())
            else:
                out.write(output_record(result, classifier.model_id, all_sentences=job.all_sentences))
            progress.update()
    return summary


def _open_output(job: Job, labels: Sequence[str]) -> Writer:
    if job.out_path is None:
        return StreamWriter(sys.stdout)
    if job.out_path.suffix.lower() == _PARQUET:
        return ParquetWriter(job.out_path, labels)
    return JsonLinesWriter(job.out_path)


def _open_dead_letters(job: Job) -> Writer:
    return StreamWriter(sys.stderr) if job.dead_path is None else JsonLinesWriter(job.dead_path, lazy=True)
