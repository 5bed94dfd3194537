"""What a job was asked for, so that the same job is known again and another one is refused by what differs."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.serve.checks import check_thresholds
from tocsin.serve.engine import TORCH, engine_versions
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.job import RAY, Job
from tocsin.serve.records import Columns
from tocsin.serve.remote import RemotePath, Source, is_url, of_each, shown

_REST = 20  # times as long as a look at all inputs took, before the next one
_VERSIONS = ("tocsin", "torch", "transformers", "tokenizers", "numpy", "pyarrow")  # that decide scores or bytes


def job_files(job: Job) -> list[Source]:
    """The input files, without those of the job's own folder.

    ValueError for standard input, which cannot be read again, for URLs that must not be kept, and for inputs that all
    lie in the folder.
    """
    if "-" in job.inputs:
        raise ValueError(
            "expected files for a job folder, found standard input, which cannot be read again after an interruption; "
            "save it to a file, or give --out a file name"
        )
    if secret := [shown(name) for name in job.inputs if is_url(name) and shown(name) != name]:
        raise ValueError(
            f"expected URLs without a query for a job folder, which keeps them, found one behind {secret[0]}; "
            "fetch the file, or give --out a file name"
        )
    folder = Path(job.out).resolve()
    found = [file for file in expand_inputs(job.inputs) if file is not None]
    files = [file for file in found if isinstance(file, RemotePath) or folder not in file.resolve().parents]
    if not files:
        raise ValueError(f"expected inputs outside the job folder {job.out}, found none; choose another folder")
    return files


def input_states(files: Sequence[Source]) -> list[dict[str, Any]]:
    """Size and time, or version, of every input, by which a change is noticed."""
    for system in {file.system for file in files if isinstance(file, RemotePath)}:
        system.invalidate_cache()  # what it said earlier tells nothing about now
    return of_each(_state, files)


def _state(file: Source) -> dict[str, Any]:
    if isinstance(file, RemotePath):
        return file.state()
    state = file.stat()
    return {"path": str(file), "bytes": state.st_size, "modified_ns": state.st_mtime_ns}


def _device_type(job: Job) -> str:
    """The kind of processor that scores; that of a cluster's workers need not be in this machine."""
    return job.device if job.runner == RAY and job.device else resolve_device(job.device).type


def describe(job: Job, files: Sequence[Source]) -> dict[str, Any]:
    """What decides the bytes of a job's output ("fingerprint"), and what is needed to run it again ("settings")."""
    checkpoint = resolve_checkpoint(job.model)
    description = read_description(checkpoint)
    check_thresholds(job.thresholds, description.labels)
    return {
        "fingerprint": {
            "versions": {name: importlib.metadata.version(name) for name in _VERSIONS},
            "engine_versions": engine_versions(job.engine),
            "model": f"{checkpoint.name}@{description.fingerprint}",
            "weights": description.weights_sha256,
            "base": description.base_sha256,
            "thresholds": dict(job.thresholds),
            "device": _device_type(job),
            "engine": job.engine,
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
        engine=mark.get("engine", TORCH),  # the only one there was
        precision=mark["precision"],
        any_language=mark["any_language"],
        batch_tokens=mark["batch_tokens"],
        shard_format=mark["format"],
        shard_records=mark["shard_records"],
    )


def check_same(folder: Path, begun: dict[str, Any], asked: dict[str, Any], *, ignore: Sequence[str] = ()) -> None:
    """ValueError that names what differs between a job as it was begun and as it is asked for now."""
    # Of jobs that were begun when there was one engine.
    then = {"engine": TORCH, "engine_versions": engine_versions(TORCH)} | begun["fingerprint"]
    now = asked["fingerprint"]
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


def check_unchanged(files: Sequence[Source], asked: dict[str, Any]) -> None:
    """A shard of an input that is being written or replaced must not count."""
    now = input_states(files)
    names = {entry["path"] for entry in now}
    then = [entry for entry in asked["fingerprint"]["inputs"] if entry["path"] in names]
    if now != then:
        raise ValueError(
            f"expected inputs that stay as they are, found another inputs {_short(then, now)}; "
            "wait until they are complete, then begin again with --overwrite"
        )


class InputWatch:
    """Notices inputs that change while they are read.

    A look takes the state of every file, which for a million files after each of a thousand shards would cost hours;
    so it rests in between. What changed is refused all the same: by the last look, and by whoever resumes the job.
    """

    def __init__(self, files: Sequence[Source], asked: dict[str, Any]) -> None:
        self._files, self._asked = files, asked
        self._next = 0.0  # when to look again, on the monotonic clock

    def look(self, *, last: bool = False) -> None:
        """ValueError when an input is not as it was when the job began; it may not look at all unless ``last``."""
        started = time.monotonic()
        if last or started >= self._next:
            check_unchanged(self._files, self._asked)
            ended = time.monotonic()
            self._next = ended + _REST * (ended - started)
