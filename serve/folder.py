"""A job in a folder: shards that are complete or not there, so that a run that was killed goes on where it was.

The same command continues; the finished job is byte for byte the one of a run that nobody disturbed. Windows of
sentences never cross the border of a shard, since the batch moves the last digits of a score.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.serve.checks import check_inputs, check_thresholds
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.job import PARQUET, Job, load_classifier, no_records, read_items, scoring_options
from tocsin.serve.manifest import (
    DEAD_SUFFIX,
    JOB,
    LOCK,
    RUNS,
    SHARDS,
    SUMMARY,
    Shard,
    append_shard,
    clean,
    file_sha256,
    left_behind,
    read_job,
    read_manifest,
    remove_job,
    write_atomically,
)
from tocsin.serve.output import output_record
from tocsin.serve.parquet_writer import ParquetWriter
from tocsin.serve.progress import Position, ProgressReport
from tocsin.serve.records import Columns, DeadLetter, Item
from tocsin.serve.score import ClassifierEngine, Scored, score_records
from tocsin.serve.summary import Summary
from tocsin.serve.writers import JsonLinesWriter

Result = Scored | DeadLetter


def run_folder_job(job: Job) -> Summary:
    """Score every input into the job's folder, or what an earlier run of the same job has not.

    Raises ValueError or OSError when the folder holds another job, another process works in it, or inputs or options
    cannot be used; KeyboardInterrupt after SIGINT or SIGTERM, when the current shard is safe.
    """
    folder, files = Path(job.out), job_files(job)
    check_inputs(files, job.columns)
    if any(folder.resolve() in file.resolve().parents for file in files):
        raise ValueError(f"expected inputs outside the job folder {folder}, found some in it; choose another folder")
    asked = describe(job, files)
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"expected the folder {folder.parent} for the job, found none; create it")
    folder.mkdir(exist_ok=True)
    with exclusive(folder), stopping() as stop:
        shards = _begin(folder, asked, overwrite=job.overwrite)
        return _run(job, files, [shard for shard in shards if not shard.is_retry], stop)


def job_files(job: Job) -> list[Path]:
    """The input files; ValueError for standard input, which cannot be read again."""
    files = [file for file in expand_inputs(job.inputs) if file is not None]
    if "-" in job.inputs:
        raise ValueError(
            "expected files for a job folder, found standard input, which cannot be read again after an interruption; "
            "save it to a file, or give --out a file name"
        )
    return files


def describe(job: Job, files: Sequence[Path]) -> dict[str, Any]:
    """What decides the bytes of a job's output ("fingerprint"), and what is needed to run it again ("settings")."""
    checkpoint = resolve_checkpoint(job.model)
    description = read_description(checkpoint)
    check_thresholds(job.thresholds, description.labels)
    states = [(file, file.stat()) for file in files]
    return {
        "fingerprint": {
            "tocsin": importlib.metadata.version("tocsin"),
            "torch": importlib.metadata.version("torch"),
            "model": f"{checkpoint.name}@{description.fingerprint}",
            "weights": description.weights_sha256,
            "base": description.base_sha256,
            "thresholds": dict(job.thresholds),
            "device": resolve_device(job.device).type,
            "precision": job.precision,
            "batch_tokens": job.batch_tokens,
            "any_language": job.any_language,
            "all_sentences": job.all_sentences,
            "text_column": job.columns.text,
            "id_column": job.columns.id,
            "limit": job.limit,
            "format": job.shard_format,
            "shard_records": job.shard_records,
            "inputs": [
                {"path": str(file), "bytes": state.st_size, "modified_ns": state.st_mtime_ns} for file, state in states
            ],
        },
        "settings": {"inputs": list(job.inputs), "model": job.model, "device": job.device},
    }


def job_of(folder: Path, begun: dict[str, Any]) -> Job:
    """The job that a folder was begun with."""
    mark, settings = begun["fingerprint"], begun["settings"]
    return Job(
        inputs=settings["inputs"],
        out=f"{folder}/",
        model=settings["model"],
        limit=mark["limit"],
        thresholds=mark["thresholds"],
        all_sentences=mark["all_sentences"],
        columns=Columns(mark["text_column"], mark["id_column"]),
        device=settings["device"],
        precision=mark["precision"],
        any_language=mark["any_language"],
        batch_tokens=mark["batch_tokens"],
        shard_format=mark["format"],
        shard_records=mark["shard_records"],
    )


def check_same(folder: Path, begun: dict[str, Any], asked: dict[str, Any], *, ignore: Sequence[str] = ()) -> None:
    """ValueError that names what differs between a job as it was begun and as it is asked for now."""
    then, now = begun["fingerprint"], asked["fingerprint"]
    names = [name for name in now if name not in ignore and then.get(name) != now[name]]
    if names:
        found = "; ".join(f"{name} {_short(then.get(name), now[name])}" for name in names)
        raise ValueError(
            f"expected the job that {folder} was begun with, found another {found}; "
            "restore it, choose another folder, or begin again with --overwrite"
        )


def _short(then: Any, now: Any) -> str:  # noqa: ANN401 - values of any field
    """Two values of one field; of input lists only the files that differ."""
    if isinstance(then, list) and isinstance(now, list):
        changed = {entry["path"] for entry in [*then, *now] if (entry in then) != (entry in now)}
        return f"({', '.join(sorted(changed)[:3])}{' …' if len(changed) > 3 else ''})"
    return f"({then!r} then, {now!r} now)"


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process however that ends; ValueError when another one has it."""
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise ValueError(f"expected no other process on the job in {folder}, found one at work; wait for it") from None


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second one interrupts at once."""
    asked = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame  # the system passes them
        if asked.is_set():
            raise KeyboardInterrupt("the current shard is lost, all others are safe; run the same command to go on")
        asked.set()
        sys.stderr.write("finishing the current shard; interrupt once more to stop at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin(folder: Path, asked: dict[str, Any], *, overwrite: bool) -> list[Shard]:
    """The shards that are finished, in a folder that holds this job and nothing half done."""
    begun = None if overwrite else read_job(folder)
    if begun is None:
        known = {folder / LOCK, *left_behind(folder)}
        if not overwrite and (strange := sorted(set(folder.iterdir()) - known)):
            raise ValueError(
                f"expected a new folder or one with a job, found {strange[0].name!r} in {folder}; choose another folder"
            )
        remove_job(folder)
        write_atomically(folder / JOB, asked)  # first, so that what follows is known to be ours
        (folder / SHARDS).mkdir(exist_ok=True)
        return []
    check_same(folder, begun, asked)
    (folder / SHARDS).mkdir(exist_ok=True)
    shards, length = read_manifest(folder)
    clean(folder, shards, length)
    return shards


def _run(job: Job, files: Sequence[Path], finished: Sequence[Shard], stop: threading.Event) -> Summary:
    folder, position = Path(job.out), Position(files)
    items = read_items(job, files, position)
    summary = Summary(dead_letters=str(folder / SHARDS))
    for shard in finished:
        _skip(items, shard)
        summary.add_counts(shard.counts, earlier=True)
    number, before = len(finished), summary.seen
    classifier: RhetoricClassifier | None = None
    try:
        with ProgressReport(summary, position) as progress:
            while (first := next(items, None)) is not None:
                classifier = classifier or load_classifier(job)
                engine = ClassifierEngine(classifier, job.batch_tokens)
                number += 1

                def note(result: Result) -> None:
                    summary.add(result)
                    progress.update()

                rows = chain([first], islice(items, job.shard_records - 1))
                append_shard(folder, score_shard(job, f"{number:05d}", rows, classifier, engine, note))
                if stop.is_set():
                    raise KeyboardInterrupt(
                        f"{summary.seen} records are safe in {folder}; run the same command to go on"
                    )
    finally:
        _log_run(folder, summary, summary.seen - before)
    if not summary.seen:
        remove_job(folder)
        raise no_records(files)
    if not (folder / SUMMARY).is_file():
        write_summary(folder, summary)
    return summary


def write_summary(folder: Path, summary: Summary) -> None:
    """Mark a job as finished with what it found; nothing in it depends on the time it took."""
    write_atomically(folder / SUMMARY, {"rows": summary.seen} | summary.counts())


def score_shard(
    job: Job,
    name: str,
    items: Iterator[Item],
    classifier: RhetoricClassifier,
    engine: ClassifierEngine,
    note: Callable[[Result], None],
) -> Shard:
    """Score some records into files of their own, complete on disk when this returns."""
    folder = Path(job.out) / SHARDS
    path, dead_path = folder / f"{name}.{job.shard_format}", folder / f"{name}{DEAD_SUFFIX}"
    part, digest = Summary(dead_letters=""), hashlib.sha256()

    def seen() -> Iterator[Item]:
        for item in items:
            digest.update(row_key(item))
            yield item

    writer = ParquetWriter(path, classifier.labels) if job.shard_format == PARQUET else JsonLinesWriter(path)
    with JsonLinesWriter(dead_path, lazy=True) as dead, writer as out:
        for result in score_records(seen(), engine, scoring_options(job, classifier)):
            if isinstance(result, DeadLetter):
                dead.write(result.as_dict())
            else:
                out.write(output_record(result, classifier.model_id, all_sentences=job.all_sentences))
            part.add(result)
            note(result)
    files = {file.name: file_sha256(file) for file in (path, dead_path) if file.is_file()}
    return Shard(name, part.seen, digest.hexdigest(), files, part.counts())


def row_key(item: Item) -> bytes:
    """What stands for an input record in the hash of a shard's rows."""
    identity = None if isinstance(item, DeadLetter) else item.id
    return f"{item.place!a} {identity!a}\n".encode()


def _skip(items: Iterator[Item], shard: Shard) -> None:
    """Read past the records of a finished shard; ValueError when the inputs do not give the same ones."""
    digest = hashlib.sha256()
    for item in islice(items, shard.rows):
        digest.update(row_key(item))
    if digest.hexdigest() != shard.rows_sha256:
        raise ValueError(
            f"expected the inputs to give the records of shard {shard.name} again, found others; "
            "restore the inputs, or begin again with --overwrite"
        )


def _log_run(folder: Path, summary: Summary, records: int) -> None:
    """One line a run: when, how long, how fast, and how much memory; the only file that differs between equal jobs."""
    seconds = time.monotonic() - summary.started
    line = {
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "records": records,
        "seconds": round(seconds, 3),
        "articles_per_second": round(records / max(seconds, 1e-9), 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    with (folder / RUNS).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")
