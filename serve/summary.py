"""What a run did, counted."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tocsin.model.article import EMPTY, UNSUPPORTED
from tocsin.serve.records import DeadLetter
from tocsin.serve.score import Scored

_NUMBERS = ("records", "flagged", "sentences", "repeated", "tokens", "cut")
_COUNTERS = ("labels", "languages", "statuses", "dead", "dead_files")
_SHOWN = 10  # entries of one count; the tail of a long one helps nobody


class Summary:
    """Counts over the results of a run."""

    def __init__(self, dead_letters: str) -> None:
        self.dead_letters = dead_letters  # where they went, for the reader
        self.started = time.monotonic()
        self._before = self._tokens_before = 0  # records and tokens of earlier runs of the same job
        self.records = self.flagged = self.sentences = self.cut = 0
        self.repeated = 0  # sentences that stood in the same shard before and were not scored again
        self.tokens = 0  # that the encoder has read
        self.engine = ""  # its name, for the reader
        self.labels: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.dead: Counter[str] = Counter()
        self.dead_files: Counter[str] = Counter()

    def add(self, result: Scored | DeadLetter) -> None:
        """Count one result."""
        if isinstance(result, DeadLetter):
            self.dead[result.reason.split(", found")[0]] += 1
            file, _, line = result.place.rpartition(":")
            self.dead_files[file if line.isdecimal() else result.place] += 1
            return
        score = result.score
        self.records += 1
        self.flagged += bool(score.flagged)
        self.sentences += len(score.sentences)
        self.cut += sum(found.sentence.cut for found in score.sentences)
        self.labels.update(score.labels)
        self.languages[score.language] += 1
        self.statuses[score.status] += 1

    def counts(self) -> dict[str, Any]:
        """Everything counted as plain values, which do not depend on the time it took."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return numbers | {name: dict(sorted(getattr(self, name).items())) for name in _COUNTERS}

    def add_work(self, counts: Mapping[str, Any]) -> None:
        """Take what a shard's counts say and its results, which were added one by one, did not."""
        self.repeated += counts.get("repeated", 0)
        self.tokens += counts.get("tokens", 0)

    def add_counts(self, counts: Mapping[str, Any], *, earlier: bool = False) -> None:
        """Take the counts of a shard; of ``earlier`` runs they do not enter the rate."""
        seen, tokens = self.seen, self.tokens
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + counts.get(name, 0))
        for name in _COUNTERS:
            getattr(self, name).update(counts[name])
        if earlier:
            self._before += self.seen - seen
            self._tokens_before += self.tokens - tokens

    @property
    def seen(self) -> int:
        """Records scored and dead letters."""
        return self.records + self.dead.total()

    def rate(self) -> float:
        """Articles a second since the start."""
        return (self.seen - self._before) / max(time.monotonic() - self.started, 1e-9)

    def _with_engine(self) -> str:
        return f" with {self.engine}" if self.engine else ""

    def _token_rate(self) -> float:
        return (self.tokens - self._tokens_before) / max(time.monotonic() - self.started, 1e-9)

    def lines(self) -> list[str]:
        """The lines for a reader at the end."""
        seconds = time.monotonic() - self.started
        found = [
            f"{self.records} records scored in {seconds:.1f} s ({self.rate():.1f} articles/s, "
            f"{self.sentences} sentences), {self.flagged} flagged",
            f"{self._token_rate():.0f} tokens/s{self._with_engine()}, peak memory {peak_memory_mb()} MB",
            f"labels: {_counts(self.labels)}; languages: {_counts(self.languages)}",
        ]
        if self.statuses[UNSUPPORTED] or self.statuses[EMPTY]:
            found.append(f"abstained: {self.statuses[UNSUPPORTED]} unsupported language, {self.statuses[EMPTY]} empty")
        if self.repeated:
            found.append(f"{self.repeated} sentences came again and were scored once")
        if self.cut:
            found.append(f"{self.cut} pieces of over-long sentences")
        if self.dead:
            found.append(f"{self.dead.total()} dead letters in {self.dead_letters}: {_counts(self.dead)}")
            found.append(f"dead letters by file: {_counts(self.dead_files)}")
        return found


def peak_memory_mb() -> int:
    """The most memory that this process has held, or one of its workers if that is more, in MB (10^6 bytes)."""
    kilobytes = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return kilobytes * 1024 // 1_000_000


def _counts(counter: Counter[str]) -> str:
    # Languages and file names come from outside and need be no valid UTF-8.
    named = [(name.encode("utf-8", "backslashreplace").decode(), count) for name, count in counter.most_common(_SHOWN)]
    shown = [f"{name} {count}" for name, count in named]
    rest = len(counter) - len(shown)
    return ", ".join([*shown, f"and {rest} more"] if rest else shown) or "none"
