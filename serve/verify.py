"""Prove that a job folder is whole: every record in is a record out or a dead letter, in order, as it was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from tocsin.serve.fingerprint import input_states, job_files, job_of
from tocsin.serve.job import PARQUET, read_items
from tocsin.serve.manifest import (
    DEAD_SUFFIX,
    MANIFEST,
    SHARDS,
    Shard,
    damaged,
    read_job,
    read_manifest,
    read_summary,
    unnamed,
    working_folder,
)
from tocsin.serve.parquet_writer import unicode_text
from tocsin.serve.progress import Position
from tocsin.serve.records import DeadLetter
from tocsin.serve.shard import row_key, summary_of, total

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


def verify_job(folder: Path, *, without_inputs: bool = False) -> Verdict:
    """Check a job folder; what is wrong stands in the verdict. ValueError where there is no job.

    ``without_inputs`` is for inputs that are gone: then the files are checked against the manifest alone.
    """
    folder = folder.resolve()
    begun = read_job(folder)
    if begun is None:
        raise ValueError(f"expected a job in {folder}, found none; give a folder that 'tocsin score --out DIR/' made")
    verdict = Verdict()
    shards, length = read_manifest(folder)
    verdict.problems += damaged(folder, shards)
    verdict.problems += [f"expected no file {path.name} in {SHARDS}" for path in unnamed(folder, shards)]
    if (folder / MANIFEST).is_file() and (folder / MANIFEST).stat().st_size > length:
        verdict.problems.append("the manifest's last line is cut; run the job again")
    main = [shard for shard in shards if not shard.is_retry]
    if [shard.name for shard in main] != [f"{number:05d}" for number in range(1, len(main) + 1)]:
        verdict.problems.append("expected shards numbered from 00001 without a gap in the manifest")
    counted = total(shards)
    verdict.shards, verdict.rows = len(main), sum(shard.rows for shard in main)
    verdict.out, verdict.dead = counted.records, counted.dead.total()
    if verdict.out + verdict.dead != verdict.rows:
        verdict.problems.append(f"expected {verdict.rows} records, found {verdict.out} out and {verdict.dead} dead")
    if (summary := read_summary(folder)) is None:
        verdict.problems.append("the job is not finished; run the same command to go on")
    elif summary != summary_of(shards):
        verdict.problems.append("expected the counts of the manifest in summary.json, found others")
    if not verdict.problems:
        _check_lines(folder, shards, verdict)
    if not verdict.problems and without_inputs:
        verdict.inputs = "inputs not read again"
    elif not verdict.problems:
        with working_folder(begun):
            _check_inputs(folder, begun, shards, main, verdict)
    del verdict.problems[MAX_PROBLEMS:]
    return verdict


def still_dead(folder: Path, shards: list[Shard]) -> dict[str, str]:
    """Places and reasons of the dead letters that no retry has scored."""
    retries = [shard for shard in shards if shard.is_retry]
    chosen = retries[-1:] or shards
    return {letter["place"]: letter["reason"] for shard in chosen for letter in read_dead(folder, shard)}


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


def _check_lines(folder: Path, shards: list[Shard], verdict: Verdict) -> None:
    """The files hold as many records and dead letters as the manifest says."""
    for shard in shards:
        out, dead = sum(1 for _ in read_ids(folder, shard)), sum(1 for _ in read_dead(folder, shard))
        expected = shard.counts["records"], sum(shard.counts["dead"].values())
        if (out, dead) != expected:
            verdict.problems.append(
                f"expected {expected[0]} records and {expected[1]} dead letters in shard {shard.name}, "
                f"found {out} and {dead}"
            )


def _check_inputs(
    folder: Path, begun: dict[str, Any], shards: list[Shard], main: list[Shard], verdict: Verdict
) -> None:
    """Every record of the inputs, read again, has its own place among the records out or the dead letters."""
    job = job_of(folder, begun)
    again = "restore them, or check the files alone with --without-inputs"
    try:
        files = job_files(job)
        same = input_states(files) == begun["fingerprint"]["inputs"]
    except (OSError, ValueError) as error:
        verdict.problems.append(f"inputs that cannot be read again ({' '.join(str(error).split())}); {again}")
        return
    if not same:
        verdict.problems.append(f"inputs that have changed since; {again}")
        return
    items = read_items(job, files, Position(files))
    for shard in main:
        out, dead, digest = read_ids(folder, shard), read_dead(folder, shard), hashlib.sha256()
        letter = next(dead, None)
        for item in islice(items, shard.rows):
            digest.update(row_key(item))
            if letter is not None and letter["place"] == item.place:
                letter = next(dead, None)
            elif isinstance(item, DeadLetter) or _text(next(out, None)) != _text(item.id):
                verdict.problems.append(f"expected {item.place} next in shard {shard.name}, out or dead")
                return
        if digest.hexdigest() != shard.rows_sha256:
            verdict.problems.append(f"expected the records of shard {shard.name} in the inputs, found others")
            return
    rest = sum(1 for _ in items)
    if rest:
        verdict.problems.append(f"{rest} records of the inputs that are in no shard")
        return
    retried = sum(shard.counts["records"] for shard in shards if shard.is_retry)
    verdict.inputs = f"inputs read again: {verdict.rows} records, each in its place" + (
        f", {retried} of them scored by a retry" if retried else ""
    )


def _text(identity: object) -> str:
    """An id as Parquet can hold it, where integers beside texts become texts and lone surrogates are escaped."""
    return unicode_text(str(identity))
