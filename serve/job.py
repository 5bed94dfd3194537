"""One run of ``tocsin score``: check everything, then read, score and write in one pass."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import DEFAULT_BATCH_TOKENS, resolve_device
from tocsin.model.languages import load_identifier
from tocsin.serve.checks import check_inputs, check_targets, check_thresholds
from tocsin.serve.choose import fastest, usable
from tocsin.serve.engine import AUTO, ENGINES, TORCH, open_engine
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.once import OnceEngine
from tocsin.serve.output import output_record
from tocsin.serve.parquet_writer import ParquetWriter
from tocsin.serve.progress import Position, ProgressReport
from tocsin.serve.readers import STDIN_NAME, read_file
from tocsin.serve.records import Columns, DeadLetter, Item, reject_duplicates
from tocsin.serve.remote import Source, is_url, shown, size_of, source_at
from tocsin.serve.score import Options, score_records
from tocsin.serve.summary import Summary
from tocsin.serve.upload import local_outputs
from tocsin.serve.writers import JsonLinesWriter, StreamWriter, Writer

STDOUT = "-"
WORTH_AN_ENGINE_BYTES = 2_000_000  # of inputs, a minute's work, from which an engine is made that is not in the cache
JSON_LINES, PARQUET = "jsonl", "parquet"  # formats of shards
LOCAL, RAY = "local", "ray"  # who scores the shards of a job folder
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
    engine: str = TORCH  # one of ENGINES, or AUTO
    precision: str = "fp32"  # of the engine torch
    any_language: bool = False
    batch_tokens: int = DEFAULT_BATCH_TOKENS  # padded
    dead_letters: str | None = None  # path or URL; beside the output when not set
    shard_format: str = JSON_LINES  # of a job folder
    shard_records: int = 1000  # input records of one shard of a job folder
    runner: str = LOCAL
    workers: int | None = None  # processes; this one scores when not set, one worker of a cluster
    ray_address: str | None = None  # of a cluster that runs already; else one is started on this machine

    def __post_init__(self) -> None:
        if self.engine not in (AUTO, *ENGINES):
            raise ValueError(f"expected an engine among {', '.join((AUTO, *ENGINES))}, found {self.engine!r}")
        if self.precision != "fp32" and self.engine not in (AUTO, TORCH):
            raise ValueError(
                f"expected --precision fp32 with the engine {self.engine}, found {self.precision}; leave it out"
            )
        self._check_runner()
        if is_url(self.out) and (self.is_folder or Path(self.out).suffix.lower() not in (*_JSON_LINES, _PARQUET)):
            raise ValueError(
                f"expected a URL for the output that ends in .jsonl or .parquet, found {shown(self.out)}; a job folder "
                "needs the renames and locks of a local or mounted file system: write it there, then copy it"
            )
        if self.is_folder:
            if self.dead_letters:
                raise ValueError("expected no --dead-letters with a job folder, which holds them; leave it out")
        elif self.out != STDOUT and Path(self.out).suffix.lower() not in (*_JSON_LINES, _PARQUET):
            raise ValueError(
                f"expected an output with the suffix .jsonl or .parquet, a folder ending in /, or -, "
                f"found {self.out!r}; rename it"
            )

    def _check_runner(self) -> None:
        if (self.runner == RAY or self.workers) and not self.is_folder:
            option = "--runner ray" if self.runner == RAY else "--workers"
            raise ValueError(f"expected a job folder with {option}, found --out {self.out}; end its name with /")
        if self.runner == LOCAL and (self.workers or 1) > 1 and (self.device or "cpu").startswith("cuda"):
            raise ValueError("expected --runner ray for workers on GPUs, found --runner local; each gets its own there")
        if self.runner == RAY and self.device not in (None, "cpu", "cuda"):
            raise ValueError(
                f"expected --device cpu or cuda with --runner ray, which gives each worker its own GPU, "
                f"found {self.device!r}; leave the number out"
            )

    @property
    def is_folder(self) -> bool:
        """Whether the output is a job folder (folder.py): it ends in a slash, or is a folder not named like a file."""
        if self.out == STDOUT or self.out.endswith(("/", os.sep)):
            return self.out != STDOUT
        return Path(self.out).is_dir() and Path(self.out).suffix.lower() not in (*_JSON_LINES, _PARQUET)

    @property
    def out_path(self) -> Source | None:
        """The output file; None for standard output."""
        return None if self.out == STDOUT else source_at(self.out)

    @property
    def dead_path(self) -> Source | None:
        """The file for dead letters; None for standard error, since nothing is beside standard output."""
        if self.dead_letters:
            return source_at(self.dead_letters)
        stem = self.out.removesuffix(Path(self.out).suffix)
        return None if self.out == STDOUT else source_at(f"{stem}.dead.jsonl")


def run_job(job: Job) -> Summary:
    """Score every input into the output and say what was done.

    Raises ValueError or OSError before the model is loaded when inputs, outputs or options cannot be used, and when
    the model cannot; leaves no partial output when it fails or is interrupted later.
    """
    files = expand_inputs(job.inputs)
    check_targets([path for path in (job.out_path, job.dead_path) if path], files, overwrite=job.overwrite)
    check_inputs(files, job.columns)
    check_thresholds(job.thresholds, read_description(resolve_checkpoint(job.model)).labels)
    job = chosen(job, files)
    position = Position(files)
    items = read_items(job, files, position)
    first = next(items, None)
    if first is None:
        raise no_records(files)
    classifier = load_classifier(job)
    return _score(job, chain([first], items), classifier, position)


def chosen(job: Job, files: Sequence[Source | None]) -> Job:
    """The job with a named engine in place of ``auto``; on a cluster, whose processors are not this one, PyTorch."""
    if job.runner == RAY:
        return dataclasses.replace(job, engine=TORCH) if job.engine == AUTO else job
    if job.engine != AUTO:
        return dataclasses.replace(job, engine=usable(job.engine, job.model, job.device))
    size = sum(size_of(file) or 0 for file in files if file is not None)
    make = job.limit is None and size >= WORTH_AN_ENGINE_BYTES
    return dataclasses.replace(job, engine=fastest(job.model, job.device, job.precision, make=make))


def read_items(job: Job, files: Sequence[Source | None], position: Position) -> Iterator[Item]:
    """Every record of the inputs in order, up to the limit; the second of an id is a dead letter."""
    return islice(reject_duplicates(_read(files, job.columns, position)), job.limit)


def no_records(files: Sequence[Source | None]) -> ValueError:
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


def _read(files: Sequence[Source | None], columns: Columns, position: Position) -> Iterator[Item]:
    for file in files:
        yield from read_file(file, columns, position.advance)
        position.finish(file)


def _score(job: Job, items: Iterator[Item], classifier: RhetoricClassifier, position: Position) -> Summary:
    summary = Summary(dead_letters=str(job.dead_path or "standard error"))
    summary.engine = job.engine
    engine = OnceEngine(open_engine(classifier, job.engine, job.batch_tokens))
    options = scoring_options(job, classifier)
    # The output is finished first: without it there are no dead letters either.
    with (
        local_outputs(job.out_path, job.dead_path) as (out_path, dead_path),
        _open_dead_letters(dead_path) as dead,
        _open_output(out_path, classifier.labels) as out,
        ProgressReport(summary, position) as progress,
    ):
        for result in score_records(items, engine, options):
            summary.add(result)
            if isinstance(result, DeadLetter):
                dead.write(result.as_dict())
            else:
                out.write(output_record(result, classifier.model_id, all_sentences=job.all_sentences))
            progress.update()
        summary.repeated, summary.tokens = engine.repeated, engine.tokens
    return summary


def _open_output(path: Path | None, labels: Sequence[str]) -> Writer:
    if path is None:
        return StreamWriter(sys.stdout)
    return ParquetWriter(path, labels) if path.suffix.lower() == _PARQUET else JsonLinesWriter(path)


def _open_dead_letters(path: Path | None) -> Writer:
    return StreamWriter(sys.stderr) if path is None else JsonLinesWriter(path, lazy=True)
