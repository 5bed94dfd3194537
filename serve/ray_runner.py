"""Score the shards of a job folder with workers on a Ray cluster; the manifest stays the only truth.

This process reads the inputs and cuts the shards, since ids must be new across all of them; a worker gets the records
of one shard and writes its files into a folder of its own; this process moves them into the job and appends their
line, in order. A worker that is late, or that goes on after its death was announced, can so never touch a shard that
counts.

Ray's actors are used and not Ray Data: its sources are read by tasks on the cluster and cannot be this process's
generator; a task that generates all shards is run again from its beginning when a machine with one of them is lost
(ray-project/ray#35768); and it retries without saying on which block workers die, so that no record could be blamed.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import secrets
import shutil
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tocsin.model.checkpoint import SHIPPED, resolve_checkpoint
from tocsin.serve.job import LOCAL, Job
from tocsin.serve.manifest import SHARDS, WORK, Shard
from tocsin.serve.plan import Work
from tocsin.serve.ray_worker import SAME, Worker
from tocsin.serve.records import Item
from tocsin.serve.trials import Trial, trials
from tocsin.serve.writers import sync_folder

AHEAD = 4  # shards a worker that may be begun while an older one is not finished
FAILED_LOADS = 3  # a worker; where more die before one is ready, it is not the machines
PATIENCE_S = 30.0  # without any worker, before the reader is told what the job waits for


def score_on_ray(
    job: Job, mark: Mapping[str, Any], work: Iterator[Work], note: Callable[[Shard], None]
) -> Generator[Shard, None, None]:
    """Shards in order, each with its files complete in the job's folder; ``note`` is told of each that is scored.

    ``mark`` is the job's fingerprint. Ray is started, or connected to, when there is a shard to score. What was begun
    is finished when ``work`` ends early. OSError when no cluster is found or workers go on dying.
    """
    first = next(work, None)
    if first is None:
        return
    workers, folder = job.workers or 1, Path(job.out).resolve()
    scratch = folder / WORK / secrets.token_hex(4)  # a name that workers of a run that was killed do not know
    scratch.mkdir(parents=True)
    started = deque([_Task(*first)])  # and not moved into the job yet
    waiting = deque(started)

    def next_task() -> _Task | None:
        if waiting:
            return waiting.popleft()
        if len(started) >= AHEAD * workers or (new := next(work, None)) is None:
            return None
        started.append(_Task(*new))
        return started[-1]

    try:
        with _cluster(job, mark):
            pool = _Pool(_sent(job, mark, scratch), {part: mark[part] for part in SAME}, workers, scratch)
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
    finally:
        shutil.rmtree(folder / WORK, ignore_errors=True)


class _Task:
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


class _Pool:
    """Workers that load the model, wait, or score; one that died is replaced.

    Ray restarts actors by itself too, but does not say how many died on one call.
    """

    def __init__(self, job: Job, mark: Mapping[str, Any], workers: int, scratch: Path) -> None:
        self._workers, self._scratch, self._given = workers, scratch, 0
        self._loading: dict[Any, Any] = {}  # actors by the reference to what they will return; Ray gives no types
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, _Task]] = {}
        self._failed = 0  # workers that died in a row before they were ready
        gpus = 1 if mark["device"] == "cuda" else 0
        threads = 1 if gpus else cpus_each([node["Resources"].get("CPU", 0) for node in _nodes()], workers)
        actor = ray.remote(num_cpus=threads, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD")(Worker)
        self._needs = f"{threads} CPUs" + (" and a GPU" if gpus else "")
        self._new = partial(actor.remote, job, mark, threads)
        for _ in range(workers):
            self._start()

    @property
    def has_idle(self) -> bool:
        """Whether a worker waits for a shard."""
        return bool(self._idle)

    def give(self, task: _Task) -> None:
        """Send a task's trial to a worker that waits."""
        actor = self._idle.pop()
        self._given += 1
        task.out = self._scratch / f"{self._given}"
        (task.out / SHARDS).mkdir(parents=True)
        items, deadly = task.trial
        self._busy[actor.score.remote(task.name, items, f"{task.out}/", deadly)] = actor, task

    def results(self) -> Iterator[_Task]:
        """Wait until something happens; the tasks whose trials have ended."""
        ready, _ = ray.wait([*self._loading, *self._busy], num_returns=1, timeout=PATIENCE_S)
        if not ready and not self._busy:
            sys.stderr.write(f"waiting for {self._workers} workers with {self._needs} each; the cluster: {_sizes()}\n")
        for reference in ready:
            if (actor := self._loading.pop(reference, None)) is not None:
                self._end_loading(actor, reference)
            else:
                actor, task = self._busy.pop(reference)
                yield self._end_trial(actor, task, reference)

    def _start(self) -> None:
        actor = self._new()
        self._loading[actor.load.remote()] = actor

    def _end_loading(self, actor: object, reference: object) -> None:
        alive, _ = _outcome(reference)
        if alive:
            self._failed = 0
            self._idle.append(actor)
            return
        self._failed += 1
        if self._failed >= FAILED_LOADS * self._workers:
            raise OSError(
                f"expected workers that load the model, found that {self._failed} in a row died; "
                "see Ray's logs for the cause, and give each worker more memory"
            )
        self._replace(actor)

    def _end_trial(self, actor: object, task: _Task, reference: object) -> _Task:
        alive, shard = _outcome(reference)
        if alive:
            self._idle.append(actor)
        else:
            sys.stderr.write(f"a worker died on shard {task.name}; another one takes over\n")
            self._replace(actor)
        task.end_trial(shard)
        if task.shard is None:
            shutil.rmtree(task.out, ignore_errors=True)  # of a trial that was for finding out only
        return task

    def _replace(self, actor: object) -> None:
        ray.kill(actor)  # it may only be out of reach, and must not keep its cores
        self._start()


def cpus_each(nodes: Sequence[float], workers: int) -> int:
    """The most whole CPUs that each of so many workers can have on machines with so many; 1 where they do not fit."""
    most = int(max(nodes, default=1))
    return max((size for size in range(1, most + 1) if sum(node // size for node in nodes) >= workers), default=1)


def _outcome(reference: object) -> tuple[bool, Shard | None]:
    """Whether a worker lived through a call, and what it returned; its own errors are raised as they were."""
    try:
        return True, ray.get(reference)
    except RayTaskError as error:
        raise error.cause from error
    except RayError:
        return False, None


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _sizes() -> str:
    found = [node["Resources"] for node in _nodes()]
    return ", ".join(f"{part.get('CPU', 0):g} CPUs and {part.get('GPU', 0):g} GPUs" for part in found) or "no machines"


def _move(out: Path, folder: Path, shard: Shard) -> None:
    """Put a shard's complete files into the job, for good."""
    for name in shard.files:
        os.replace(out / SHARDS / name, folder / SHARDS / name)
    sync_folder(folder / SHARDS)
    shutil.rmtree(out, ignore_errors=True)


def _sent(job: Job, mark: Mapping[str, Any], scratch: Path) -> Job:
    """The job as a worker gets it: with absolute paths, and with the folder where this run's workers write."""
    model = job.model if job.model == SHIPPED else os.path.abspath(resolve_checkpoint(job.model))
    return dataclasses.replace(
        job,
        inputs=(),
        out=f"{scratch}/",
        model=model,
        device=mark["device"],
        runner=LOCAL,
        workers=None,
        ray_address=None,
    )


@contextmanager
def _cluster(job: Job, mark: Mapping[str, Any]) -> Iterator[None]:
    """A connection to the cluster, or a cluster of this machine alone for as long as it is needed."""
    workers = job.workers or 1
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing leaves this machine; read when a cluster is started
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if job.ray_address:
            ray.init(job.ray_address, logging_level=logging.ERROR)
        else:
            cores = len(os.sched_getaffinity(0))
            ray.init("local", num_cpus=max(workers, cores), include_dashboard=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise OSError(
            f"expected a Ray cluster at {job.ray_address or 'this machine'}, found: {reason}; "
            "start it, or leave --ray-address out for one of this machine"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)  # ray.init puts its own, which ends this process at once
    try:
        gpus = sum(node["Resources"].get("GPU", 0) for node in _nodes())
        if mark["device"] == "cuda" and not job.ray_address and gpus < workers:
            raise ValueError(f"expected a GPU for each of {workers} workers, found {gpus:g}; lower --workers")
        yield
    finally:
        ray.shutdown()
