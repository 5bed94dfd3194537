"""What a job folder holds, and how it is kept true whatever happens to the process.

``job.json`` says what was asked for; ``manifest.jsonl`` has one line for each finished shard in ``shards/``. A shard's
files are complete and on disk before its line is written, and nothing counts that has no line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.serve.writers import sync_folder

JOB, MANIFEST, SUMMARY, RUNS, LOCK, SHARDS = (
    "job.json", "manifest.jsonl", "summary.json", "runs.jsonl", ".lock", "shards",
)  # fmt: skip
DEAD_SUFFIX = ".dead.jsonl"
_OURS = (SUMMARY, MANIFEST, RUNS, JOB)


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
    try:
        job: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"expected a job in {path}, found {error}; begin it again with --overwrite") from error
    return job


def write_atomically(path: Path, value: object) -> None:
    """Write JSON so that after a power cut either the old file or the new one is there, whole."""
    temporary = _part(path)
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, ensure_ascii=False, indent=1)
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
    data = path.read_bytes() if path.is_file() else b""
    whole = data[: data.rfind(b"\n") + 1]
    shards = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            shards.append(Shard(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"expected a finished shard in line {number} of {path}, found {error}; "
                "restore the file, or begin the job again with --overwrite"
            ) from error
    return shards, len(whole)


def append_shard(folder: Path, shard: Shard) -> None:
    """Make a shard count, for good."""
    path = folder / MANIFEST
    with path.open("ab") as stream:
        stream.write(json.dumps(dataclasses.asdict(shard), ensure_ascii=False).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder)


def clean(folder: Path, shards: list[Shard], manifest_bytes: int) -> None:
    """Remove what an interrupted run left: a cut line of the manifest, and files that no line names."""
    path = folder / MANIFEST
    if path.is_file() and path.stat().st_size > manifest_bytes:
        os.truncate(path, manifest_bytes)
    for stranger in [*strangers(folder, shards), *left_behind(folder)]:
        stranger.unlink()


def strangers(folder: Path, shards: list[Shard]) -> list[Path]:
    """Files among the shards that no line of the manifest names."""
    known = {name for shard in shards for name in shard.files}
    return sorted(path for path in (folder / SHARDS).glob("*") if path.name not in known)


def left_behind(folder: Path) -> list[Path]:
    """Files beside the shards that were being written when a process ended."""
    return [path for name in (JOB, SUMMARY) if (path := _part(folder / name)).is_file()]


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def remove_job(folder: Path) -> None:
    """Remove a job's files and nothing else; the job's description last, so that a cut removal can be repeated."""
    for path in [*strangers(folder, []), *left_behind(folder)]:
        path.unlink()
    if (folder / SHARDS).is_dir():
        (folder / SHARDS).rmdir()
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
