"""Write records as JSON Lines: to a temporary file beside the target, renamed when all is done."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from tocsin.serve.output import to_json


class Writer(Protocol):
    """A context in which records are written; leaving it by an error leaves no file behind."""

    def write(self, record: dict[str, Any]) -> None:
        """Take one record."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class StreamWriter:
    """JSON Lines on standard output or standard error, UTF-8 whatever the locale."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def write(self, record: dict[str, Any]) -> None:
        """See Writer. OSError when the reader at the other end has gone."""
        try:
            self.stream.buffer.write(to_json(record).encode() + b"\n")  # type: ignore[attr-defined]
        except BrokenPipeError as error:
            self._refuse(error)

    def _refuse(self, error: BrokenPipeError) -> None:
        # Python flushes the stream once more when it exits, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())
        raise OSError(
            "expected a reader behind the pipe, found that it had closed; write to a file, or stop with --limit"
        ) from error

    def __enter__(self) -> Self:
        self.stream.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stream.flush()
        except BrokenPipeError as broken:
            if kind is None:
                self._refuse(broken)


class JsonLinesWriter:
    """JSON Lines in a file that appears when it is complete.

    With ``lazy`` nothing is written, and an older file is removed, when no record came.
    """

    def __init__(self, path: Path, *, lazy: bool = False) -> None:
        self.path, self.lazy = path, lazy
        self._stream: IO[str] | None = None

    def write(self, record: dict[str, Any]) -> None:
        """See Writer."""
        self._open().write(to_json(record) + "\n")

    def _open(self) -> IO[str]:
        if self._stream is None:
            self._stream = _temporary(self.path)
        return self._stream

    def __enter__(self) -> Self:
        if not self.lazy:
            self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is None:
            if kind is None:
                self.path.unlink(missing_ok=True)
            return
        temporary = Path(self._stream.name)
        try:
            if kind is None:
                self.finish(self._stream, temporary)
        finally:
            try:
                self._stream.close()
            except OSError:  # on a full disk closing fails as well; the first error is the one to tell
                if kind is None and sys.exc_info()[1] is None:
                    raise
            temporary.unlink(missing_ok=True)

    def finish(self, stream: IO[str], temporary: Path) -> None:
        """Put the complete file in its place."""
        stream.flush()
        os.fsync(stream.fileno())
        os.replace(temporary, self.path)
        sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Put the names of a folder's files on disk, so that a renamed file keeps its name through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _temporary(path: Path) -> IO[str]:
    stream = tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", prefix=".tocsin-", suffix=".part", dir=path.parent, delete=False
    )
    umask = os.umask(0)
    os.umask(umask)
    # The private mode of temporary files would hide results from the group that reads them; nobody else may write them.
    os.chmod(stream.name, 0o644 & ~umask)
    return cast(IO[str], stream)
