"""Score some records into the files of one shard, and count what shards hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tocsin.model import RhetoricClassifier
from tocsin.serve.engine import CountingEngine
from tocsin.serve.job import PARQUET, Job, scoring_options
from tocsin.serve.manifest import (
    DEAD_SUFFIX,
    SHARDS,
    SUMMARY,
    Shard,
    file_sha256,
    read_summary,
    write_atomically,
)
from tocsin.serve.once import OnceEngine
from tocsin.serve.output import output_record
from tocsin.serve.parquet_writer import ParquetWriter
from tocsin.serve.records import DeadLetter, Item
from tocsin.serve.score import Scored, score_records
from tocsin.serve.summary import Summary
from tocsin.serve.writers import JsonLinesWriter

Result = Scored | DeadLetter
DEADLY = "expected a worker that lives through the record, found that each one died"


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
    items: Iterable[Item],
    classifier: RhetoricClassifier,
    engine: CountingEngine,
    note: Callable[[Result], None],
    *,
    deadly: Collection[str] = (),
) -> Shard:
    """Score some records into files of their own, complete on disk when this returns.

    Records at the places in ``deadly`` become dead letters and never reach the model.
    """
    folder = Path(job.out) / SHARDS
    path, dead_path = folder / f"{name}.{job.shard_format}", folder / f"{name}{DEAD_SUFFIX}"
    part, digest, once = Summary(dead_letters=""), hashlib.sha256(), OnceEngine(engine)

    def seen() -> Iterator[Item]:
        for item in items:
            digest.update(row_key(item))
            yield DeadLetter(item.place, item.raw, DEADLY) if item.place in deadly else item

    writer = ParquetWriter(path, classifier.labels) if job.shard_format == PARQUET else JsonLinesWriter(path)
    with JsonLinesWriter(dead_path, lazy=True) as dead, writer as out:
        for result in score_records(seen(), once, scoring_options(job, classifier)):
            if isinstance(result, DeadLetter):
                dead.write(result.as_dict())
            else:
                out.write(output_record(result, classifier.model_id, all_sentences=job.all_sentences))
            part.add(result)
            note(result)
    part.repeated, part.tokens = once.repeated, once.tokens
    files = {file.name: file_sha256(file) for file in (path, dead_path) if file.is_file()}
    return Shard(name, part.seen, digest.hexdigest(), files, part.counts())


def row_key(item: Item) -> bytes:
    """What stands for an input record in the hash of a shard's rows."""
    identity = None if isinstance(item, DeadLetter) else item.id
    return f"{item.place!a} {identity!a}\n".encode()
