"""A job in a folder: shards that are complete or not there, so that a run that was killed goes on where it was.

The same command continues; the finished job is byte for byte the one of a run that nobody disturbed. Windows of
sentences never cross the border of a shard, since the batch moves the last digits of a score.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
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
    damaged,
    file_sha256,
    left_behind,
    read_job,
    read_manifest,
    read_summary,
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
_VERSIONS = ("tocsin", "torch", "transformers", "tokenizers", "numpy", "pyarrow")  # that decide scores or bytes


def run_folder_job(job: Job) -> Summary:
    """Score every input into the job's folder, or what an earlier run of the same job has not.

    Raises ValueError or OSError when the folder holds another job, another process works in it, or inputs or options
    cannot be used; KeyboardInterrupt after SIGINT or SIGTERM, when the current shard is safe.
    """
    folder, files = Path(job.out), job_files(job)
    check_inputs(files, job.columns)
    asked = describe(job, files)
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"expected the folder {folder.parent} for the job, found none; create it")
    folder.mkdir(exist_ok=True)
    with exclusive(folder), stopping() as stop:
        shards = _begin(job, files, asked)
        return _run(job, files, asked, shards, stop)


def job_files(job: Job) -> list[Path]:
    """The input files, without those of the job's own folder.

    ValueError for standard input, which cannot be read again, and for inputs that all lie in the folder.
    """
    if "-" in job.inputs:
        raise ValueError(
            "expected files for a job folder, found standard input, which cannot be read again after an interruption; "
            "save it to a file, or give --out a file name"
        )
    folder = Path(job.out).resolve()
    found = [file for file in expand_inputs(job.inputs) if file is not None]
    files = [file for file in found if folder not in file.resolve().parents]
    if not files:
        raise ValueError(f"expected inputs outside the job folder {job.out}, found none; choose another folder")
    return files


def input_states(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Size and time of every input, by which a change is noticed."""
    states = [(file, file.stat()) for file in files]
    return [{"path": str(file), "bytes": state.st_size, "modified_ns": state.st_mtime_ns} for file, state in states]


def describe(job: Job, files: Sequence[Path]) -> dict[str, Any]:
    """What decides the bytes of a job's output ("fingerprint"), and what is needed to run it again ("settings")."""
    checkpoint = resolve_checkpoint(job.model)
    description = read_description(checkpoint)
    check_thresholds(job.thresholds, description.labels)
    return {
        "fingerprint": {
            "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
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
            "inputs": input_states(files),
        },
        "settings": {
            "inputs": list(job.inputs),
            "model": job.model,
            "device": job.device,
            "working_folder": os.getcwd(),
        },
    }


def job_of(folder: Path, begun: dict[str, Any]) -> Job:
    """The job that a folder was begun with; its inputs are as they were named from its working folder."""
    mark, settings = begun["fingerprint"], begun["settings"]
    return Job(
        inputs=settings["inputs"],
        out=f"{folder.resolve()}/",
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
        before, after = ({entry["path"]: entry for entry in entries} for entries in (then, now))
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
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
        with suppress(OSError):  # the reader of standard error may have been stopped by the same signal
            os.write(2, b"finishing the current shard; interrupt once more to stop at once\n")

    if threading.current_thread() is not threading.main_thread():
        yield asked  # only the main thread may set handlers
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _begin(job: Job, files: Sequence[Path], asked: dict[str, Any]) -> list[Shard]:
    """The shards that are finished, in a folder that holds this job and nothing half done."""
    folder = Path(job.out)
    begun = read_job(folder)
    if begun is None and (strange := sorted(set(folder.iterdir()) - {folder / LOCK, *left_behind(folder)})):
        raise ValueError(
            f"expected a new folder or one with a job, found {strange[0].name!r} in {folder}; choose another folder"
        )
    if begun is None or job.overwrite:
        if begun is not None:
            # What cannot be begun must not cost the old job.
            if next(read_items(job, files, Position(files)), None) is None:
                raise no_records(files)
            load_classifier(job)
            remove_job(folder)
        write_atomically(folder / JOB, asked)  # first, so that what follows is known to be ours
        (folder / SHARDS).mkdir(exist_ok=True)
        return []
    check_same(folder, begun, asked)
    (folder / SHARDS).mkdir(exist_ok=True)
    shards, length = read_manifest(folder)
    clean(folder, shards, length)
    if problems := damaged(folder, shards):
        raise ValueError(f"{problems[0]}; restore it, or begin again with --overwrite")
    return shards


def _run(job: Job, files: Sequence[Path], asked: dict[str, Any], shards: list[Shard], stop: threading.Event) -> Summary:
    folder, position = Path(job.out), Position(files)
    finished = [shard for shard in shards if not shard.is_retry]
    items = read_items(job, files, position)
    summary = Summary(dead_letters=str(folder / SHARDS))
    again = "run the same command to go on" + (" (without --overwrite)" if job.overwrite else "")

    def note(result: Result) -> None:
        summary.add(result)
        progress.update()

    for shard in finished:
        _skip(items, shard)
        summary.add_counts(shard.counts, earlier=True)
        if stop.is_set():
            raise KeyboardInterrupt(f"nothing was lost; {again}")
    before = summary.seen
    classifier: RhetoricClassifier | None = None
    try:
        with ProgressReport(summary, position) as progress:
            while (first := next(items, None)) is not None:
                if stop.is_set():
                    safe = sum(shard.rows for shard in finished)
                    raise KeyboardInterrupt(f"{safe} records are safe in {folder}; {again}")
                classifier = classifier or load_classifier(job)
                engine = ClassifierEngine(classifier, job.batch_tokens)
                rows = chain([first], islice(items, job.shard_records - 1))
                shard = score_shard(job, f"{len(finished) + 1:05d}", rows, classifier, engine, note)
                _check_inputs_unchanged(files, asked)
                append_shard(folder, shard)
                finished.append(shard)
    finally:
        _log_run(folder, summary, sum(shard.rows for shard in finished) - before)
    if not finished:
        remove_job(folder)
        raise no_records(files)
    every = [*finished, *(shard for shard in shards if shard.is_retry)]
    write_summary(folder, every)
    left = total(every)
    summary.dead, summary.dead_files = left.dead, left.dead_files  # without those that a retry scored
    retried = total([shard for shard in every if shard.is_retry]).counts()
    summary.add_counts(retried | {"dead": {}, "dead_files": {}}, earlier=True)
    return summary


def _check_inputs_unchanged(files: Sequence[Path], asked: dict[str, Any]) -> None:
    """A shard of an input that is being written or replaced must not count."""
    now, then = input_states(files), asked["fingerprint"]["inputs"]
    if now != then:
        raise ValueError(
            f"expected inputs that stay as they are, found another inputs {_short(then, now)}; "
            "wait until they are complete, then begin again with --overwrite"
        )


def total(shards: Sequence[Shard]) -> Summary:
    """Counts of a job with its retries: dead letters are those that are left."""
    summary = Summary(dead_letters="")
    for shard in shards:
        if shard.is_retry:
            summary.dead.clear()
            summary.dead_files.clear()
        summary.add_counts(shard.counts)
    return summary


def summary_of(shards: Sequence[Shard]) -> dict[str, Any]:
    """What summary.json holds: nothing in it depends on the time it took."""
    return {"rows": sum(shard.rows for shard in shards if not shard.is_retry)} | total(shards).counts()


def write_summary(folder: Path, shards: Sequence[Shard]) -> None:
    """Mark a job as finished with what it found, unless that stands there already."""
    if (summary := summary_of(shards)) != read_summary(folder):
        write_atomically(folder / SUMMARY, summary)


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
    with suppress(OSError), (folder / RUNS).open("a", encoding="utf-8") as stream:  # a log must not hide an error
        stream.write(json.dumps(line) + "\n")
