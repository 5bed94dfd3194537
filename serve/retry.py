"""Score a finished job's dead letters again, into shards of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tocsin.serve.engine import open_engine
from tocsin.serve.fingerprint import check_same, describe, job_files, job_of
from tocsin.serve.folder import exclusive
from tocsin.serve.job import Job, load_classifier, read_items
from tocsin.serve.manifest import (
    SHARDS,
    Shard,
    append_shard,
    clean,
    damaged,
    read_job,
    read_manifest,
    read_summary,
    working_folder,
)
from tocsin.serve.progress import Position
from tocsin.serve.records import Item
from tocsin.serve.shard import DEADLY, score_shard, write_summary
from tocsin.serve.summary import Summary
from tocsin.serve.verify import still_dead

MAY_CHANGE = (
    "batch_tokens",
    "device",
    "engine",
    "engine_versions",
)  # what one changes to get a record through that broke the model


def retry_job(
    folder: Path, *, device: str | None = None, batch_tokens: int | None = None, engine: str | None = None
) -> Summary:
    """Score again what is dead in a finished job, all or nothing; the summary of this retry alone.

    Records are taken from the inputs, which must be as they were; a row that was mended in its file belongs into a job
    of its own. ValueError or OSError when there is no finished job or its inputs have changed.
    """
    folder = folder.resolve()
    summary = Summary(dead_letters=str(folder / SHARDS))
    with exclusive(folder):
        begun = read_job(folder)
        if begun is None or read_summary(folder) is None:
            raise ValueError(
                f"expected a finished job in {folder}, found none; run its 'tocsin score' to the end first"
            )
        with working_folder(begun):
            job = job_of(folder, begun)
            job = dataclasses.replace(
                job,
                device=device or job.device,
                batch_tokens=batch_tokens or job.batch_tokens,
                engine=engine or job.engine,
            )
            files = job_files(job)
            asked = describe(job, files)
            check_same(folder, begun, asked, ignore=MAY_CHANGE)
            shards, length = read_manifest(folder)
            clean(folder, shards, length)
            if problems := damaged(folder, shards):
                raise ValueError(f"{problems[0]}; restore it, or begin the job again with --overwrite")
            write_summary(folder, shards)  # of a retry that was cut before it could
            if dead := still_dead(folder, shards):
                items = (item for item in read_items(job, files, Position(files)) if item.place in dead)
                name = f"retry-{1 + sum(shard.is_retry for shard in shards):05d}"
                # A record on which workers died would take this process with it, and all other dead letters.
                shard = (_in_a_process if DEADLY in dead.values() else _here)(job, asked["fingerprint"], name, items)
                summary.add_counts(shard.counts)
                append_shard(folder, shard)
                write_summary(folder, [*shards, shard])
    return summary


def _here(job: Job, mark: Mapping[str, Any], name: str, items: Iterator[Item]) -> Shard:
    del mark
    classifier = load_classifier(job)
    engine = open_engine(classifier, job.engine, job.batch_tokens)
    return score_shard(job, name, items, classifier, engine, _ignore)


def _in_a_process(job: Job, mark: Mapping[str, Any], name: str, items: Iterator[Item]) -> Shard:
    from tocsin.serve.process_pool import score_in_processes

    alone = dataclasses.replace(job, workers=1)
    (shard,) = score_in_processes(alone, mark, iter([(name, items)]), _ignore)
    return shard


def _ignore(result: object) -> None:
    """The shard has the counts."""
