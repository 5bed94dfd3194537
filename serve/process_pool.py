"""Workers as processes of this machine: a record on which one dies costs neither the job nor its neighbours."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tocsin.serve.job import Job
from tocsin.serve.manifest import Shard
from tocsin.serve.plan import Work
from tocsin.serve.pool import Outcome, Pool, score_with, scratch_folder, sent
from tocsin.serve.records import Item
from tocsin.serve.worker import SAME, Worker

_PR_SET_PDEATHSIG = 1  # of Linux' prctl
STOPPING = (signal.SIGINT, signal.SIGTERM)
ERRORS = {kind.__name__: kind for kind in (ValueError, OSError, RuntimeError)}


def score_in_processes(
    job: Job, mark: Mapping[str, Any], work: Iterator[Work], note: Callable[[Shard], None]
) -> Generator[Shard, None, None]:
    """Shards in order, scored by ``job.workers`` processes; the same as score_on_ray on one machine."""
    first = next(work, None)
    if first is None:
        return
    folder = Path(job.out).resolve()
    with scratch_folder(folder) as scratch:
        pool = _ProcessPool(job, mark, scratch)
        try:
            yield from score_with(pool, first, work, folder, note)
        finally:
            pool.close()


class _Process:
    """A worker's process and the connection to it."""

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")  # a forked torch would hang in its threads
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, os.getpid(), *arguments), daemon=True)
        # It loads torch before it can ignore signals to the whole group; until then it inherits that they wait.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # so that the worker's death is the end of the connection


class _ProcessPool(Pool[_Process]):
    def __init__(self, job: Job, mark: Mapping[str, Any], scratch: Path) -> None:
        super().__init__(job.workers or 1, scratch)
        threads = max(1, len(os.sched_getaffinity(0)) // self._workers)
        self._arguments = Worker, sent(job, mark, scratch), {part: mark[part] for part in SAME}, threads
        self._alive: list[_Process] = []

    def launch(self) -> _Process:
        """See Pool."""
        worker = _Process(self._arguments)
        self._alive.append(worker)
        return worker

    def submit(self, worker: _Process, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> None:
        """See Pool."""
        worker.connection.send((name, list(items), out, deadly))

    def wait(self, timeout_s: float) -> Sequence[Outcome[_Process]]:
        """See Pool."""
        called = {worker.connection: worker for worker in [*self._loading, *(worker for worker, _ in self._busy)]}
        return [self._outcome(called[ready]) for ready in wait(list(called), timeout_s)]  # type: ignore[index]

    def kill(self, worker: _Process) -> None:
        """See Pool."""
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self._alive.remove(worker)

    def waits_for(self) -> str:
        """See Pool."""
        return "a part of this machine each, which load the model"

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._alive):
            self.kill(worker)

    @staticmethod
    def _outcome(worker: _Process) -> Outcome[_Process]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            return Outcome(worker, alive=False)
        if isinstance(answer, _Failure):
            sys.stderr.write(answer.details)
            raise ERRORS[answer.kind](answer.message)
        return Outcome(worker, alive=True, shard=answer)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A worker's error as text: an exception of any package may not survive the way."""

    kind: str
    message: str
    details: str


def _serve(
    connection: Connection, parent: int, kind: type[Worker], job: Job, mark: Mapping[str, Any], threads: int
) -> None:
    """The worker's process: load, then score what comes until the connection ends."""
    _die_with(parent)
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)  # sent to the whole group; the parent decides when to stop
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    try:
        worker = kind(job, mark, threads)
        worker.load()
        connection.send(None)
        while (task := _next(connection)) is not None:
            connection.send(worker.score(*task))
    except Exception as error:
        name = next((name for name, known in ERRORS.items() if isinstance(error, known)), RuntimeError.__name__)
        expected = isinstance(error, (ValueError, OSError))
        connection.send(_Failure(name, str(error), "" if expected else traceback.format_exc()))


def _next(connection: Connection) -> tuple[Any, ...] | None:
    try:
        task: tuple[Any, ...] = connection.recv()
    except (EOFError, ConnectionError):
        return None  # the parent has gone
    return task


def _die_with(parent: int) -> None:
    """End this process with its parent, even one that was killed: no orphan must write on beside a new run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before it could be asked for
