"""Shards scored by workers that may die: in order, with the record on which workers die found and left out.

This process reads the inputs and cuts the shards, since ids must be new across all of them; a worker gets the records
of one shard and writes its files into a folder of its own; this process moves them into the job and appends their
line, in order. A worker that is late, or that goes on after its death was announced, can so never touch a shard that
counts.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tocsin.model.checkpoint import SHIPPED, resolve_checkpoint
from tocsin.serve.job import LOCAL, Job
from tocsin.serve.manifest import SHARDS, WORK, Shard
from tocsin.serve.plan import Work
from tocsin.serve.records import Item
from tocsin.serve.trials import Trial, trials
from tocsin.serve.writers import sync_folder

AHEAD = 4  # shards a worker that may be begun while an older one is not finished
FAILED_LOADS = 3  # a worker; where more die before one is ready, it is not the machines
PATIENCE_S = 30.0  # without any worker, before the reader is told what the job waits for

Handle = TypeVar("Handle")  # a worker, as its kind of pool knows it


class Task:
    """A shard that is being scored; its records are kept until that is done."""

    def __init__(self, name: str, items: Iterator[Item]) -> None:
        self.name = name
        self.shard: Shard | None = None  # when all is done
        self.out = Path()  # of the last trial
        self._trials: Generator[Trial, bool, None] | None = trials(name, list(items))
        self.trial = next(self._trials)

    def end_trial(self, result: Shard | None) -> None:
        """Take what a worker made of the trial; None when it died."""
        assert self._trials is not None  # noqa: S101 - a finished shard is on no worker
        try:
            self.trial = self._trials.send(result is not None)
        except StopIteration:
            self.shard, self._trials, self.trial = result, None, ((), frozenset())


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Handle]):
    """What a worker's call came to; its own errors are raised and not returned."""

    worker: Handle
    alive: bool
    shard: Shard | None = None  # None after loading, and from a worker that died


class Pool(ABC, Generic[Handle]):
    """Workers that load the model, wait, or score; one that died is replaced."""

    def __init__(self, workers: int, scratch: Path) -> None:
        self._workers, self._scratch, self._given = workers, scratch, 0
        self._loading: list[Handle] = []
        self._idle: list[Handle] = []
        self._busy: list[tuple[Handle, Task]] = []
        self._failed = 0  # workers that died in a row before they were ready

    @abstractmethod
    def launch(self) -> Handle:
        """A new worker that begins to load the model."""

    @abstractmethod
    def submit(self, worker: Handle, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> None:
        """Let a worker score some records of a shard into files below ``out``."""

    @abstractmethod
    def wait(self, timeout_s: float) -> Sequence[Outcome[Handle]]:
        """Workers whose call has ended, at least one unless the time is over."""

    @abstractmethod
    def kill(self, worker: Handle) -> None:
        """End a worker that died or may only be out of reach, so that it keeps no cores."""

    @abstractmethod
    def waits_for(self) -> str:
        """What the pool needs and what there is, for a reader who waits."""

    def start(self) -> None:
        """Launch all workers."""
        self._loading = [self.launch() for _ in range(self._workers)]

    @property
    def has_idle(self) -> bool:
        """Whether a worker waits for a shard."""
        return bool(self._idle)

    def give(self, task: Task) -> None:
        """Send a task's trial to a worker that waits."""
        worker = self._idle.pop()
        self._given += 1
        task.out = self._scratch / f"{self._given}"
        (task.out / SHARDS).mkdir(parents=True)
        items, deadly = task.trial
        self._busy.append((worker, task))
        try:
            self.submit(worker, task.name, items, f"{task.out}/", deadly)
        except OSError:
            return  # it died while it waited, which wait() tells

    def results(self) -> Iterator[Task]:
        """Wait until something happens; the tasks whose trials have ended."""
        outcomes = self.wait(PATIENCE_S)
        if not outcomes and not self._busy:
            sys.stderr.write(f"waiting for {self._workers} workers with {self.waits_for()}\n")
        for outcome in outcomes:
            if outcome.worker in self._loading:
                self._end_loading(outcome)
                continue
            (place,) = (number for number, (worker, _) in enumerate(self._busy) if worker is outcome.worker)
            _, task = self._busy.pop(place)
            yield self._end_trial(outcome, task)

    def _end_loading(self, outcome: Outcome[Handle]) -> None:
        self._loading.remove(outcome.worker)
        if outcome.alive:
            self._failed = 0
            self._idle.append(outcome.worker)
            return
        self._failed += 1
        if self._failed >= FAILED_LOADS * self._workers:
            raise OSError(
                f"expected workers that load the model, found that {self._failed} in a row died; "
                "see their messages for the cause, and give each worker more memory"
            )
        self._replace(outcome.worker)

    def _end_trial(self, outcome: Outcome[Handle], task: Task) -> Task:
        if outcome.alive:
            self._idle.append(outcome.worker)
        else:
            sys.stderr.write(f"a worker died on shard {task.name}; another one takes over\n")
            self._replace(outcome.worker)
        task.end_trial(outcome.shard)
        if task.shard is None:
            shutil.rmtree(task.out, ignore_errors=True)  # of a trial that was for finding out only
        return task

    def _replace(self, worker: Handle) -> None:
        self.kill(worker)
        self._loading.append(self.launch())


def score_with(
    pool: Pool[Any], first: Work, work: Iterator[Work], folder: Path, note: Callable[[Shard], None]
) -> Generator[Shard, None, None]:
    """Shards in order, each with its files complete in ``folder``; ``note`` is told of each that is scored.

    What was begun is finished when ``work`` ends early. OSError when workers go on dying.
    """
    started = deque([Task(*first)])  # and not moved into the job yet
    waiting = deque(started)
    most = AHEAD * pool._workers

    def next_task() -> Task | None:
        if waiting:
            return waiting.popleft()
        if len(started) >= most or (new := next(work, None)) is None:
            return None
        started.append(Task(*new))
        return started[-1]

    pool.start()
    while started:
        for task in pool.results():
            if task.shard is None:
                waiting.append(task)
            else:
                note(task.shard)
        while started and (shard := started[0].shard) is not None:
            _move(started.popleft().out, folder, shard)
            yield shard
        while pool.has_idle and (task_to_do := next_task()) is not None:
            pool.give(task_to_do)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """Where this run's workers write, under a name that workers of a run that was killed do not know."""
    scratch = folder / WORK / secrets.token_hex(4)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(folder / WORK, ignore_errors=True)


def sent(job: Job, mark: Mapping[str, Any], scratch: Path) -> Job:
    """The job as a worker gets it: with absolute paths, and with the folder where this run's workers write."""
    model = job.model if job.model == SHIPPED else os.path.abspath(resolve_checkpoint(job.model))
    return dataclasses.replace(
        job,
        inputs=(),
        out=f"{scratch}/",
        model=model,
        device=job.device if job.runner == LOCAL and job.device else mark["device"],
        runner=LOCAL,
        workers=None,
        ray_address=None,
    )


def _move(out: Path, folder: Path, shard: Shard) -> None:
    """Put a shard's complete files into the job, for good."""
    for name in shard.files:
        os.replace(out / SHARDS / name, folder / SHARDS / name)
    sync_folder(folder / SHARDS)
    shutil.rmtree(out, ignore_errors=True)
