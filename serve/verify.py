"""Prove that a job folder is whole: every record in is a record out or a dead letter, in order, as it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tocsin.serve.folder import describe, job_files, job_of
from tocsin.serve.job import PARQUET, read_items
from tocsin.serve.manifest import (
    DEAD_SUFFIX,
    SHARDS,
    SUMMARY,
    Shard,
    file_sha256,
    read_job,
    read_manifest,
    strangers,
)
from tocsin.serve.progress import Position
from tocsin.serve.records import DeadLetter

MAX_PROBLEMS = 20  # of one job; the first ones say what happened


@dataclass(slots=True)
class Verdict:
    """What a check of a job folder found."""

    rows: int = 0  # records in, by the manifest
    out: int = 0  # records out
    dead: int = 0  # dead letters that were not scored later
    shards: int = 0
    inputs: str = ""  # whether the inputs were read again, and why not
    problems: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The lines for a reader."""
        head = (
            f"{self.rows} records in = {self.out} out + {self.dead} dead letters, {self.shards} shards; {self.inputs}"
        )
        return [head, *(f"wrong: {problem}" for problem in self.problems)]


def verify_job(folder: Path) -> Verdict:
    """Check a job folder; what is wrong stands in the verdict. ValueError where there is no job."""
    begun = read_job(folder)
    if begun is None:
        raise ValueError(f"expected a job in {folder}, found none; give a folder that 'tocsin score --out DIR/' made")
    verdict = Verdict()
    shards, length = read_manifest(folder)
    _check_files(folder, shards, verdict)
    if (folder / "manifest.jsonl").is_file() and (folder / "manifest.jsonl").stat().st_size > length:
        verdict.problems.append("the manifest's last line is cut; run the job again")
    main = [shard for shard in shards if not shard.is_retry]
    if [shard.name for shard in main] != [f"{number:05d}" for number in range(1, len(main) + 1)]:
        verdict.problems.append("expected shards numbered from 00001 without a gap in the manifest")
    verdict.shards, verdict.rows = len(main), sum(shard.rows for shard in main)
    dead = still_dead(folder, shards) if not verdict.problems else set[str]()
    verdict.dead = len(dead) if not verdict.problems else sum(sum(s.counts["dead"].values()) for s in main)
    verdict.out = sum(shard.counts["records"] for shard in shards)
    if verdict.out + verdict.dead != verdict.rows:
        verdict.problems.append(f"expected {verdict.rows} records, found {verdict.out} out and {verdict.dead} dead")
    _check_finished(folder, verdict)
    if not verdict.problems:
        _check_inputs(folder, begun, shards, main, verdict)
    return verdict


def still_dead(folder: Path, shards: list[Shard]) -> set[str]:
    """Places of the dead letters that no retry has scored."""
    retries = [shard for shard in shards if shard.is_retry]
    chosen = retries[-1:] or shards
    return {letter["place"] for shard in chosen for letter in read_dead(folder, shard)}


def read_dead(folder: Path, shard: Shard) -> Iterator[dict[str, str]]:
    """The dead letters of a shard."""
    path = folder / SHARDS / f"{shard.name}{DEAD_SUFFIX}"
    if path.name in shard.files:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def read_ids(folder: Path, shard: Shard) -> Iterator[Any]:
    """The ids of a shard's output records, in order."""
    path = next(folder / SHARDS / name for name in shard.files if not name.endswith(DEAD_SUFFIX))
    if path.suffix == f".{PARQUET}":
        for batch in pq.ParquetFile(path).iter_batches(columns=["id"]):
            yield from batch.column(0).to_pylist()
        return
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["id"]


def _check_files(folder: Path, shards: list[Shard], verdict: Verdict) -> None:
    for shard in shards:
        for name, expected in shard.files.items():
            path = folder / SHARDS / name
            if not path.is_file():
                verdict.problems.append(f"expected the file {SHARDS}/{name}, found none")
            elif (found := file_sha256(path)) != expected:
                verdict.problems.append(f"expected {SHARDS}/{name} with SHA-256 {expected[:12]}…, found {found[:12]}…")
    verdict.problems += [f"expected no file {path.name} in {SHARDS}" for path in strangers(folder, shards)]
    del verdict.problems[MAX_PROBLEMS:]


def _check_finished(folder: Path, verdict: Verdict) -> None:
    path = folder / SUMMARY
    if not path.is_file():
        verdict.problems.append("the job is not finished; run the same command to go on")
    elif (rows := json.loads(path.read_text(encoding="utf-8"))["rows"]) != verdict.rows:
        verdict.problems.append(f"expected {rows} records as in {SUMMARY}, found {verdict.rows} in the manifest")


def _check_inputs(
    folder: Path, begun: dict[str, Any], shards: list[Shard], main: list[Shard], verdict: Verdict
) -> None:
    """Every record of the inputs, read again, has its own place among the records out or the dead letters."""
    job = job_of(folder, begun)
    try:
        files = job_files(job)
        same = describe(job, files)["fingerprint"]["inputs"] == begun["fingerprint"]["inputs"]
    except (OSError, ValueError) as error:
        verdict.inputs = f"inputs not read again ({' '.join(str(error).split())})"
        return
    if not same:
        verdict.inputs = "inputs not read again: they have changed since"
        return
    out = chain.from_iterable(read_ids(folder, shard) for shard in main)
    dead = chain.from_iterable(read_dead(folder, shard) for shard in main)
    next_dead = next(dead, None)
    count = 0
    for item in read_items(job, files, Position(files)):
        count += 1
        if next_dead is not None and next_dead["place"] == item.place:
            next_dead = next(dead, None)
        elif isinstance(item, DeadLetter) or str(next(out, None)) != str(item.id):
            verdict.problems.append(f"expected {item.place} next among the records out or the dead letters")
            break
    if count != verdict.rows and not verdict.problems:
        verdict.problems.append(f"expected {count} records as in the inputs, found {verdict.rows}")
    retried = sum(shard.counts["records"] for shard in shards if shard.is_retry)
    verdict.inputs = f"inputs read again: {count} records, each in its place" + (
        f", {retried} of them scored by a retry" if retried else ""
    )
