"""Score a finished job's dead letters again, into shards of their own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tocsin.serve.engine import open_engine
from tocsin.serve.fingerprint import check_same, describe, job_files, job_of
from tocsin.serve.folder import exclusive
from tocsin.serve.job import load_classifier, read_items
from tocsin.serve.manifest import (
    SHARDS,
    append_shard,
    clean,
    damaged,
    read_job,
    read_manifest,
    read_summary,
    working_folder,
)
from tocsin.serve.progress import Position
from tocsin.serve.shard import Result, score_shard, write_summary
from tocsin.serve.summary import Summary
from tocsin.serve.verify import still_dead

MAY_CHANGE = ("batch_tokens", "device", "engine")  # what one changes to get a record through that broke the model


def retry_job(folder: Path, *, device: str | None = None, batch_tokens: int | None = None) -> Summary:
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
            job = dataclasses.replace(job, device=device or job.device, batch_tokens=batch_tokens or job.batch_tokens)
            files = job_files(job)
            check_same(folder, begun, describe(job, files), ignore=MAY_CHANGE)
            shards, length = read_manifest(folder)
            clean(folder, shards, length)
            if problems := damaged(folder, shards):
                raise ValueError(f"{problems[0]}; restore it, or begin the job again with --overwrite")
            write_summary(folder, shards)  # of a retry that was cut before it could
            if dead := still_dead(folder, shards):
                items = (item for item in read_items(job, files, Position(files)) if item.place in dead)
                classifier = load_classifier(job)
                engine = open_engine(classifier, job.engine, job.batch_tokens)
                name = f"retry-{1 + sum(shard.is_retry for shard in shards):05d}"

                def note(result: Result) -> None:
                    summary.add(result)

                shard = score_shard(job, name, items, classifier, engine, note)
                append_shard(folder, shard)
                write_summary(folder, [*shards, shard])
    return summary
