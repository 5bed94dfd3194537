"""How far a run is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tocsin.serve.remote import Source, size_of
from tocsin.serve.summary import Summary

LOG_SECONDS = 10.0


class Position:
    """Bytes read of all inputs: the number of their articles is not known before the end."""

    def __init__(self, files: Sequence[Source | None]) -> None:
        sizes = [None if file is None else size_of(file) for file in files]
        known = [size for size in sizes if size is not None]
        self.total = sum(known) if len(known) == len(files) else None  # None with standard input
        self._finished = self._current = 0

    def advance(self, position: int) -> None:
        """Note how many bytes of the current file have been read."""
        self._current = position

    def finish(self, file: Source | None) -> None:
        """Note that a file has been read."""
        self._finished += (size_of(file) or 0) if file is not None else 0
        self._current = 0

    @property
    def done(self) -> int:
        """Bytes read so far."""
        return self._finished + self._current


class ProgressReport:
    """Articles, articles a second and the time left, shown on standard error while the context lasts."""

    def __init__(self, summary: Summary, position: Position) -> None:
        self.summary, self.position = summary, position
        self._logged = time.monotonic()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            columns = [TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()]
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(self._text(), total=self.position.total)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self) -> None:
        """Show the counts as they are now, or later when the last line is fresh."""
        if self._bar is not None:
            self._bar.update(self._task, completed=self.position.done, description=escape(self._text()))
            return
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            self._logged = now
            total = self.position.total
            share = f", {100 * self.position.done / total:.0f}% of input" if total else ""
            sys.stderr.write(f"{self._text()}{share}{self._time_left(now)}\n")

    def _text(self) -> str:
        return f"{self.summary.seen} articles, {self.summary.rate():.1f}/s"

    def _time_left(self, now: float) -> str:
        done, total = self.position.done, self.position.total
        if not done or not total:
            return ""
        return f", about {(now - self.summary.started) * (total - done) / done:.0f} s left"
