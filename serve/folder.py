"""A job in a folder: shards that are complete or not there, so that a run that was killed goes on where it was.

The same command continues; the finished job is byte for byte the one of a run that nobody disturbed. Windows of
sentences never cross the border of a shard, since the batch moves the last digits of a score.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from tocsin.model import RhetoricClassifier
from tocsin.serve.checks import check_inputs, check_installed
from tocsin.serve.engine import AUTO, TORCH, CountingEngine, open_engine
from tocsin.serve.fingerprint import InputWatch, check_same, describe, job_files
from tocsin.serve.job import RAY, Job, chosen, load_classifier, no_records, read_items
from tocsin.serve.manifest import (
    JOB,
    LOCK,
    RUNS,
    SHARDS,
    WORK,
    Shard,
    append_shard,
    clean,
    damaged,
    left_behind,
    read_job,
    read_manifest,
    remove_job,
    write_atomically,
)
from tocsin.serve.plan import Work, cut, skip
from tocsin.serve.progress import Position, ProgressReport
from tocsin.serve.remote import Source
from tocsin.serve.shard import Result, score_shard, total, write_summary
from tocsin.serve.summary import Summary, peak_memory_mb


def run_folder_job(job: Job) -> Summary:
    """Score every input into the job's folder, or what an earlier run of the same job has not.

    Raises ValueError or OSError when the folder holds another job, another process works in it, or inputs or options
    cannot be used; KeyboardInterrupt after SIGINT or SIGTERM, when the current shard is safe.
    """
    if job.runner == RAY:
        check_installed(RAY)
    folder, files = Path(job.out), job_files(job)
    check_inputs(files, job.columns)
    job = chosen(_as_begun(job), files)
    asked = describe(job, files)
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"expected the folder {folder.parent} for the job, found none; create it")
    folder.mkdir(exist_ok=True)
    with exclusive(folder), stopping() as stop:
        shards = _begin(job, files, asked)
        return _run(job, files, asked, shards, stop)


def _as_begun(job: Job) -> Job:
    """With ``auto`` a job goes on with the engine that it was begun with."""
    begun = None if job.overwrite or job.engine != AUTO else read_job(Path(job.out))
    return dataclasses.replace(job, engine=begun["fingerprint"].get("engine", TORCH)) if begun else job


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
            raise KeyboardInterrupt("shards in work are lost, all others are safe; run the same command to go on")
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


def _begin(job: Job, files: Sequence[Source], asked: dict[str, Any]) -> list[Shard]:
    """The shards that are finished, in a folder that holds this job and nothing half done."""
    folder = Path(job.out)
    begun = read_job(folder)
    ours = {folder / LOCK, folder / WORK, *left_behind(folder)}
    if begun is None and (strange := sorted(set(folder.iterdir()) - ours)):
        raise ValueError(
            f"expected a new folder or one with a job, found {strange[0].name!r} in {folder}; choose another folder"
        )
    if begun is None or job.overwrite:
        if begun is not None:
            # What cannot be begun must not cost the old job.
            if next(read_items(job, files, Position(files)), None) is None:
                raise no_records(files)
            # A cluster's GPUs need not be in this machine.
            load_classifier(dataclasses.replace(job, device="cpu") if job.runner == RAY else job)
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


def _run(
    job: Job, files: Sequence[Source], asked: dict[str, Any], shards: list[Shard], stop: threading.Event
) -> Summary:
    folder, position = Path(job.out), Position(files)
    finished = [shard for shard in shards if not shard.is_retry]
    items = read_items(job, files, position)
    summary = Summary(dead_letters=str(folder / SHARDS))
    summary.engine = job.engine
    again = "run the same command to go on" + (" (without --overwrite)" if job.overwrite else "")

    def note(result: Result) -> None:
        summary.add(result)
        progress.update()

    def note_shard(shard: Shard) -> None:
        summary.add_counts(shard.counts)
        progress.update()

    for shard in finished:
        skip(items, shard)
        summary.add_counts(shard.counts, earlier=True)
        if stop.is_set():
            raise KeyboardInterrupt(f"nothing was lost; {again}")
    before = summary.seen
    work, watch = cut(items, job.shard_records, len(finished), stop), InputWatch(files, asked)
    scored: Generator[Shard, None, None] = _score_here(job, work, note, summary.add_work)
    if job.runner == RAY:
        from tocsin.serve.ray_runner import score_on_ray  # an extra

        scored = score_on_ray(job, asked["fingerprint"], work, note_shard)
    elif job.workers:
        from tocsin.serve.process_pool import score_in_processes  # which loads torch

        scored = score_in_processes(job, asked["fingerprint"], work, note_shard)
    try:
        with ProgressReport(summary, position) as progress, closing(scored):
            for shard in scored:
                watch.look()
                append_shard(folder, shard)
                finished.append(shard)
        if stop.is_set() and next(items, None) is not None:
            safe = sum(shard.rows for shard in finished)
            raise KeyboardInterrupt(f"{safe} records are safe in {folder}; {again}")
        watch.look(last=True)
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


def _score_here(
    job: Job, work: Iterator[Work], note: Callable[[Result], None], add_work: Callable[[Mapping[str, Any]], None]
) -> Generator[Shard, None, None]:
    """The shards, scored one after another by this process."""
    classifier: RhetoricClassifier | None = None
    engine: CountingEngine | None = None
    for name, items in work:
        classifier = classifier or load_classifier(job)
        engine = engine or open_engine(classifier, job.engine, job.batch_tokens)
        shard = score_shard(job, name, items, classifier, engine, note)
        add_work(shard.counts)
        yield shard


def _log_run(folder: Path, summary: Summary, records: int) -> None:
    """One line a run: when, how long, how fast, and how much memory; the only file that differs between equal jobs."""
    seconds = time.monotonic() - summary.started
    line = {
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "records": records,
        "engine": summary.engine,
        "seconds": round(seconds, 3),
        "articles_per_second": round(records / max(seconds, 1e-9), 3),
        "peak_memory_mb": peak_memory_mb(),
    }
    with suppress(OSError), (folder / RUNS).open("a", encoding="utf-8") as stream:  # a log must not hide an error
        stream.write(json.dumps(line) + "\n")
