"""What a job folder holds, and how it is kept true whatever happens to the process.

``job.json`` says what was asked for; ``manifest.jsonl`` has one line for each finished shard in ``shards/``. A shard's
files are complete and on disk before its line is written, and nothing counts that has no line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.serve.writers import sync_folder

JOB, MANIFEST, SUMMARY, RUNS, LOCK, SHARDS = (
    "job.json", "manifest.jsonl", "summary.json", "runs.jsonl", ".lock", "shards",
)  # fmt: skip
WORK = ".work"  # where workers write; nothing in it counts
DEAD_SUFFIX = ".dead.jsonl"
# Of files that a run may remove from a folder of shards; anything else is somebody's own.
_SHARD_FILE = re.compile(r"(?:retry-)?\d{5,}\.(?:jsonl|parquet|dead\.jsonl)|\.tocsin-.*\.part")


@dataclass(frozen=True, slots=True)
class Shard:
    """One line of the manifest: a run of input records, and the files that hold what became of them."""

    name: str  # "00001"; "retry-00001" for dead letters that were scored again
    rows: int  # records read: scored and dead
    rows_sha256: str  # of their places and ids, in order
    files: Mapping[str, str]  # SHA-256 by name, within SHARDS
    counts: Mapping[str, Any]  # see Summary.counts

    @property
    def is_retry(self) -> bool:
        """Whether its rows were dead letters of other shards."""
        return self.name.startswith("retry-")


def read_job(folder: Path) -> dict[str, Any] | None:
    """What the job in a folder was asked for; None where there is no job. ValueError when the file is damaged."""
    path = folder / JOB
    if not path.is_file():
        return None
    job = _read_object(path)
    if not all(isinstance(job.get(part), dict) for part in ("fingerprint", "settings")):
        raise ValueError(f"expected a job of tocsin in {path}, found another file; choose another folder")
    return job


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The counts of a finished job; None while it is not finished. ValueError when the file is damaged."""
    path = folder / SUMMARY
    return _read_object(path) if path.is_file() else None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"expected JSON in {path}, found {error}; restore the file") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object in {path}, found {type(value).__name__}; restore the file")
    return value


@contextmanager
def working_folder(job: Mapping[str, Any]) -> Iterator[None]:
    """Go to where the job was begun, from where its inputs are named; stay where that folder is gone."""
    home = job["settings"].get("working_folder", ".")
    with chdir(home if Path(home).is_dir() else "."):
        yield


def write_atomically(path: Path, value: object) -> None:
    """Write JSON so that after a power cut either the old file or the new one is there, whole."""
    temporary = _part(path)
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=1)  # escaped: names of files and languages may be no valid UTF-8
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def read_manifest(folder: Path) -> tuple[list[Shard], int]:
    """The finished shards and the number of bytes that hold them.

    A last line that was cut by a crash does not count. ValueError when any other line is damaged.
    """
    path = folder / MANIFEST
    shards: list[Shard] = []
    length = 0
    if not path.is_file():
        return shards, length
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            try:
                shards.append(Shard(**json.loads(line)))
            except (ValueError, TypeError) as error:
                raise ValueError(
                    f"expected a finished shard in line {len(shards) + 1} of {path}, found {error}; "
                    "restore the file, or begin the job again with --overwrite"
                ) from error
            length += len(line)
    return shards, length


def append_shard(folder: Path, shard: Shard) -> None:
    """Make a shard count, for good."""
    path = folder / MANIFEST
    with path.open("ab") as stream:
        stream.write(json.dumps(dataclasses.asdict(shard)).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder)


def clean(folder: Path, shards: list[Shard], manifest_bytes: int) -> None:
    """Remove what an interrupted run left: a cut line of the manifest, and files that no line names."""
    path = folder / MANIFEST
    shutil.rmtree(folder / WORK, ignore_errors=True)  # a worker that was left alone may still be writing there
    if path.is_file() and path.stat().st_size > manifest_bytes:
        os.truncate(path, manifest_bytes)
    for stranger in [*unnamed(folder, shards), *left_behind(folder)]:
        stranger.unlink()


def unnamed(folder: Path, shards: list[Shard]) -> list[Path]:
    """Files of shards that no line of the manifest names."""
    known = {name for shard in shards for name in shard.files}
    return sorted(
        path for path in (folder / SHARDS).glob("*") if path.name not in known and _SHARD_FILE.fullmatch(path.name)
    )


def left_behind(folder: Path) -> list[Path]:
    """Files beside the shards that were being written when a process ended."""
    return [path for name in (JOB, SUMMARY) if (path := _part(folder / name)).is_file()]


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def remove_job(folder: Path) -> None:
    """Remove a job's files and nothing else.

    What says that shards are finished goes first and what says that this is a job last, so that a removal that is cut
    leaves an unfinished job and never a finished one without its records.
    """
    for name in (SUMMARY, MANIFEST):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)
    shutil.rmtree(folder / WORK, ignore_errors=True)
    for path in [*unnamed(folder, []), *left_behind(folder), folder / RUNS]:
        path.unlink(missing_ok=True)
    sync_folder(folder)
    (folder / JOB).unlink(missing_ok=True)


def damaged(folder: Path, shards: list[Shard]) -> list[str]:
    """What is wrong with the files that the manifest names."""
    problems = []
    for shard in shards:
        for name, expected in shard.files.items():
            path = folder / SHARDS / name
            if not path.is_file():
                problems.append(f"expected the file {SHARDS}/{name}, found none")
            elif (found := file_sha256(path)) != expected:
                problems.append(f"expected {SHARDS}/{name} with SHA-256 {expected[:12]}…, found {found[:12]}…")
    return problems


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
