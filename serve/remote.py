"""Files behind URLs such as s3://bucket/articles.jsonl, through fsspec and the package of each protocol.

Only a URL that the user gave opens a connection. Whatever a package raises becomes one sentence, in which no password
and no query of a URL stands, since a query may be a signature.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import unquote

from fsspec.config import conf
from fsspec.core import url_to_fs
from fsspec.registry import get_filesystem_class
from fsspec.utils import glob_translate

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK_BYTES = 1024 * 1024  # asked for at a time, and all that is held of a stream
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")
_QUERY = re.compile(r"(https?://[^\s?#]*)[?#]\S*", re.IGNORECASE)
_HTTP = ("http", "https")
_MAGIC, _HTTP_MAGIC = re.compile(r"[*?[]"), re.compile(r"[*[]")
_VERSIONS = ("ETag", "etag", "blob_id", "Last-Modified")  # what s3, gs, hf and http(s) call the version of a file
_AT_ONCE = 16  # questions to servers, each of which takes a round trip
_CHECK = "check the URL, your rights and the connection"


class RemoteError(OSError):
    """A remote file that cannot be read or written, in a sentence for the user."""


@dataclass(frozen=True, slots=True, repr=False)
class RemotePath:
    """A file or folder behind a URL, used like a ``pathlib.Path``; equal when it is the same file."""

    system: Any  # an fsspec file system
    path: str  # as the system names it; of http(s) the whole URL
    entry: dict[str, Any] = field(default_factory=dict, compare=False)  # what the system said of it when it was found

    def __str__(self) -> str:
        return shown(self.system.unstrip_protocol(self.path))

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocol, of which some have two."""
        names: str | tuple[str, ...] = self.system.protocol
        return (names,) if isinstance(names, str) else tuple(names)

    @property
    def is_http(self) -> bool:
        """Whether it can only be read."""
        return "http" in self.protocols

    @property
    def name(self) -> str:
        """The last part of the path."""
        return shown(self.path).rpartition("/")[2]

    def resolve(self) -> RemotePath:
        """Itself: a URL has no links to follow."""
        return self

    def is_dir(self) -> bool:
        """Whether it was found to be a folder, or the prefix of objects."""
        return self.entry.get("type") == "directory"

    def is_file(self) -> bool:
        """Whether it was found to be anything else."""
        return bool(self.entry) and not self.is_dir()

    def look(self) -> RemotePath | None:
        """The same path with what the system says of it now; None where there is nothing."""
        with told("read", self):
            try:
                return replace(self, entry=self.system.info(self.path))
            except FileNotFoundError as error:
                # Of http(s) fsspec says so whatever the server answered, and also when no server did.
                if self.is_http and getattr(error.__cause__, "status", None) not in (404, 410):
                    raise
                return None

    def children(self) -> list[RemotePath]:
        """What lies in a folder. RemoteError when it cannot be listed, which ``walk`` of fsspec passes over."""
        with told("list", self):
            entries = [(entry["name"].rstrip("/"), entry) for entry in self.system.ls(self.path, detail=True)]
        return [RemotePath(self.system, name, entry) for name, entry in entries if name != self.path.rstrip("/")]

    def below(self, levels: int | None = None) -> Iterator[RemotePath]:
        """Everything below a folder, down to so many levels."""
        for child in self.children():
            yield child
            if child.is_dir() and levels != 1:
                yield from child.below(levels and levels - 1)

    def state(self) -> dict[str, Any]:
        """Size and version as the system says them now, by which a change is noticed; ValueError where it does not."""
        now = self.look()
        if now is None:
            raise FileNotFoundError(f"expected the input {self}, found no such file; restore it")
        version = next((str(now.entry[name]) for name in _VERSIONS if now.entry.get(name)), None) or self._modified()
        if version is None:
            raise ValueError(
                f"expected a time or an ETag of {self}, by which a change would be noticed, found none; fetch the file"
            )
        return {"path": str(self), "bytes": now.entry["size"], "version": version}

    def _modified(self) -> str | None:
        with told("read", self):
            try:
                return str(self.system.modified(self.path))
            except NotImplementedError:
                return None

    def open(self, mode: Literal["rb"] = "rb") -> io.BufferedReader:
        """A stream of the bytes, of which a block is held at a time."""
        del mode  # there for those that open a Path too
        return io.BufferedReader(self.open_unbuffered(), BLOCK_BYTES)

    def open_unbuffered(self) -> io.RawIOBase:
        """A stream whose every read asks for these bytes only: for formats that jump."""
        with told("read", self):
            return _Stream(self, self.system.open(self.path, "rb", block_size=BLOCK_BYTES, cache_type="none"))


class _Stream(io.RawIOBase):
    """A file of fsspec as Python's buffers take it, with its errors told."""

    def __init__(self, file: RemotePath, stream: Any) -> None:  # noqa: ANN401 - packages have their own kinds
        self._file, self._stream = file, stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._stream.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with told("read", self._file):
            self._stream.seek(offset, whence)
        return self.tell()

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with told("read", self._file):
            data = self._stream.read(len(view))
        view[: len(data)] = data
        size = self._file.entry.get("size")
        if not data and len(view) and size is not None and self.tell() < size:
            # Silence would pass for the end of the file, and the records behind it would be lost.
            raise RemoteError(
                f"expected {size} bytes in {self._file}, found its end after {self.tell()}; run the same command again"
            )
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


Source = Path | RemotePath
Answer = TypeVar("Answer")


def is_url(argument: str) -> bool:
    """Whether an argument of a command is a URL and no local path."""
    return _URL.match(argument) is not None


def shown(text: str) -> str:
    """A URL, or a message that holds some, without what may be secret in it."""
    return _PASSWORD.sub("", _QUERY.sub(r"\1", text))


def local_name(argument: str) -> str:
    """The path of a file:// URL; any other argument as it is."""
    if not argument.lower().startswith("file://"):
        return argument
    host, _, path = argument[len("file://") :].partition("/")
    if host not in ("", "localhost"):
        raise ValueError(f"expected file:///PATH, found the host {host!r} in {argument!r}; mount it and give its path")
    return unquote(f"/{path}")


def source_at(argument: str) -> Source:
    """The path or the URL that an argument names, whether or not there is a file."""
    return _remote_at(argument) if is_url(argument) else Path(argument)


def size_of(source: Source) -> int | None:
    """Bytes of a file that was found; None where a server does not say."""
    if isinstance(source, Path):
        return source.stat().st_size
    size: int | None = source.entry.get("size")
    return size


def of_each(question: Callable[[Source], Answer], files: Sequence[Source]) -> list[Answer]:
    """The answers for all files, in order; several remote ones are asked at once."""
    if not any(isinstance(file, RemotePath) for file in files):
        return [question(file) for file in files]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(question, files))


def find_remote(url: str) -> list[RemotePath]:
    """What a URL names: an object, a folder, or all that match a pattern, sorted by name; empty when there is nothing.

    Raises ValueError for a protocol that is not known or whose package is not installed, RemoteError for the rest.
    """
    named = _remote_at(url)
    named.system.invalidate_cache()  # a listing of an earlier job is no answer
    found = named.look()
    if found is not None:  # also when the name looks like a pattern
        return [found]
    magic = _HTTP_MAGIC if named.is_http else _MAGIC
    parts = named.path.split("/")
    first = next((number for number, part in enumerate(parts) if magic.search(part)), None)
    if first is None:
        return []
    root = RemotePath(named.system, "/".join(parts[:first]))
    levels = None if "**" in parts else len(parts) - first
    matches = re.compile(glob_translate(named.path)).match
    try:
        return sorted((path for path in root.below(levels) if matches(path.path)), key=lambda path: path.path)
    except RemoteError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return []
        raise


def files_below(folder: RemotePath) -> list[RemotePath]:
    """Files below a folder or prefix, sorted as those of a local folder are."""
    return sorted((path for path in folder.below() if path.is_file()), key=lambda path: path.path.split("/"))


def _remote_at(url: str) -> RemotePath:
    protocol = url.partition("://")[0]
    if _PASSWORD.search(url):
        raise ValueError(
            f"expected no password in a URL, found one in {shown(url)}; "
            f"give it in the environment or a file, as the package for {protocol}:// reads it"
        )
    try:
        get_filesystem_class(protocol)
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or protocol
        raise ValueError(
            f"expected the package {package} for {protocol}:// paths, found none; pip install {package}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"expected a protocol that fsspec knows, such as s3, gs, hf or https, found {protocol!r}; correct the URL"
        ) from error
    options: dict[str, Any] = {}
    if protocol in _HTTP:
        # A server that packs on its way would count ranges in packed bytes (fsspec issue 1748).
        headers = (conf.get("http", {}) | conf.get("https", {})).get("headers", {})
        options = {"headers": headers | {"Accept-Encoding": "identity"}}
    with told("open", shown(url)):
        system, path = url_to_fs(url, **options)
    return RemotePath(system, path)


@contextmanager
def told(action: str, name: object) -> Iterator[None]:
    """Make a RemoteError of whatever a file system raises: every package has errors of its own, few of them OSError."""
    try:
        yield
    except RemoteError:
        raise
    except Exception as error:
        cause = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
        reason = shown(" ".join(str(cause).split()).rstrip(".")) or type(cause).__name__
        raise RemoteError(f"expected to {action} {name}, found: {reason}; {_CHECK}") from error
