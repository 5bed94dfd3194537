"""Outputs behind URLs: written to local files, and uploaded when all of them are complete."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from fsspec.spec import AbstractBufferedFile

from tocsin.serve.remote import RemoteError, RemotePath, Source, told

PART_BYTES = 16 * 1024 * 1024  # held in memory; S3 takes 10,000 parts, which makes 160 GB
_BUCKETS = ("s3", "gs")  # protocols whose paths begin with a bucket, which no upload creates


def check_remote_target(target: RemotePath, *, overwrite: bool) -> None:
    """ValueError or OSError when a remote output cannot or must not be written, as far as it can be told before."""
    if target.is_http:
        raise ValueError(f"expected an output that can be written, found {target}; write to a file and upload it")
    found = target.look()
    if found is not None and found.is_dir():
        raise ValueError(f"expected a file name for the output, found the folder {target}; add a name to it")
    if found is not None and not overwrite:
        raise FileExistsError(f"expected no file at {target}, found one; pass --overwrite to replace it")
    if found is None and any(protocol in target.protocols for protocol in _BUCKETS):
        bucket = RemotePath(target.system, target.path.partition("/")[0])
        with suppress(RemoteError):  # who may write objects need not be allowed to see their bucket
            if bucket.look() is None:
                raise FileNotFoundError(f"expected the bucket {bucket} for the output, found none; create it")


@contextmanager
def local_outputs(*targets: Source | None) -> Iterator[list[Path | None]]:
    """Paths to write in place of the targets; of local targets these are their own.

    When the context is left without an error, what stands in for a remote target is uploaded, the last one first, and
    where nothing was written an older file is removed. After an error nothing is uploaded. Complete files that cannot
    be uploaded are kept, since they may have cost hours, and the error says where.
    """
    local = [target for target in targets if not isinstance(target, RemotePath)]
    if len(local) == len(targets):
        yield local
        return
    folder = Path(tempfile.mkdtemp(prefix="tocsin-"))
    with ExitStack() as cleaning:
        cleaning.callback(shutil.rmtree, folder)
        paths = [
            folder / f"{number}-{target.name}" if isinstance(target, RemotePath) else target
            for number, target in enumerate(targets, start=1)
        ]
        yield paths
        try:
            for path, target in reversed([*zip(paths, targets, strict=True)]):
                if path is not None and isinstance(target, RemotePath):
                    _publish(path, target)
        except RemoteError as error:
            cleaning.pop_all()
            raise RemoteError(f"{error}; the complete files are kept in {folder}") from error


def _publish(path: Path, target: RemotePath) -> None:
    if path.is_file():
        _upload(path, target)
    elif target.look() is not None:
        with told("remove", target):
            target.system.rm_file(target.path)


def _upload(path: Path, target: RemotePath) -> None:
    """Write a remote file that a reader sees when it is complete: a transaction commits at its end."""
    with told("write", target), path.open("rb") as source, target.system.transaction:
        stream = target.system.open(target.path, "wb", block_size=PART_BYTES)
        try:
            shutil.copyfileobj(source, stream, PART_BYTES)
            stream.close()
        except BaseException:
            if isinstance(stream, AbstractBufferedFile):
                stream.closed = True  # or its finaliser would complete what was written so far
            raise
