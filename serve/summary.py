"""What a run did, counted: for the log while it runs and for the last lines."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tocsin.model.article import EMPTY, UNSUPPORTED
from tocsin.serve.records import DeadLetter
from tocsin.serve.score import Scored

LOG_SECONDS = 10.0


class Summary:
    """Counts over the results of a run."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.records = self.flagged = self.sentences = self.cut = 0
        self.labels: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()

    def add(self, result: Scored | DeadLetter) -> None:
        """Count one result."""
        if isinstance(result, DeadLetter):
            self.dead[result.reason.split(", found")[0]] += 1
            return
        score = result.score
        self.records += 1
        self.flagged += bool(score.flagged)
        self.sentences += len(score.sentences)
        self.cut += sum(found.sentence.cut for found in score.sentences)
        self.labels.update(score.labels)
        self.languages[score.language] += 1
        self.statuses[score.status] += 1

    @property
    def seen(self) -> int:
        """Records scored and dead letters."""
        return self.records + sum(self.dead.values())

    def rate(self) -> float:
        """Articles a second since the start."""
        return self.seen / max(time.monotonic() - self.started, 1e-9)

    def lines(self, dead_letters: str) -> list[str]:
        """The lines for a reader at the end."""
        seconds = time.monotonic() - self.started
        found = [
            f"{self.records} records scored in {seconds:.1f} s ({self.rate():.1f} articles/s, "
            f"{self.sentences} sentences), {self.flagged} flagged"
        ]
        found.append(f"labels: {_counts(self.labels)}; languages: {_counts(self.languages)}")
        if self.statuses[UNSUPPORTED] or self.statuses[EMPTY]:
            found.append(f"abstained: {self.statuses[UNSUPPORTED]} unsupported language, {self.statuses[EMPTY]} empty")
        if self.cut:
            found.append(f"{self.cut} pieces of over-long sentences")
        if self.dead:
            found.append(f"{sum(self.dead.values())} dead letters in {dead_letters}: {_counts(self.dead)}")
        return found


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common()) or "none"


class ProgressReport:
    """A bar with articles/s and time left on a terminal, a plain line now and then elsewhere.

    The share done is measured in bytes of the input files, since their number of articles is not known before the end.
    """

    def __init__(self, summary: Summary, files: Sequence[Path | None]) -> None:
        self.summary = summary
        sizes = [file.stat().st_size for file in files if file is not None]
        self.total = sum(sizes) if len(sizes) == len(files) else None
        self.before, self.last_log = 0, time.monotonic()
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            columns = [TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()]
            self.bar = Progress(*columns, console=Console(stderr=True))
            self.task = self.bar.add_task("0 articles", total=self.total)
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self, bytes_done: int) -> None:
        """Show the counts as they are now, ``bytes_done`` bytes of all inputs having been read."""
        text = f"{self.summary.seen} articles, {self.summary.rate():.1f}/s"
        if self.bar is not None:
            self.bar.update(self.task, completed=bytes_done, description=text)
            return
        now = time.monotonic()
        if now - self.last_log >= LOG_SECONDS:
            self.last_log = now
            share = f", {100 * bytes_done / self.total:.0f}% of input" if self.total else ""
            sys.stderr.write(f"{text}{share}\n")
