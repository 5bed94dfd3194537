"""Score the shards of a job folder with workers on a Ray cluster; the manifest stays the only truth.

Ray's actors are used and not Ray Data: its sources are read by tasks on the cluster and cannot be this process's
generator; a task that generates all shards is run again from its beginning when a machine with one of them is lost
(ray-project/ray#35768); and it retries without saying on which block workers die, so that no record could be blamed.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from tocsin.serve.job import Job
from tocsin.serve.manifest import Shard
from tocsin.serve.plan import Work
from tocsin.serve.pool import Outcome, Pool, score_with, scratch_folder, sent
from tocsin.serve.records import Item
from tocsin.serve.worker import SAME, Worker


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
    folder = Path(job.out).resolve()
    with scratch_folder(folder) as scratch, _cluster(job, mark):
        yield from score_with(_RayPool(job, mark, scratch), first, work, folder, note)


class _RayPool(Pool[Any]):  # Ray gives its actors no types
    """Actors. Ray restarts them by itself too, but does not say how many died on one call."""

    def __init__(self, job: Job, mark: Mapping[str, Any], scratch: Path) -> None:
        super().__init__(job.workers or 1, scratch)
        gpus = 1 if mark["device"] == "cuda" else 0
        threads = 1 if gpus else cpus_each([node["Resources"].get("CPU", 0) for node in _nodes()], self._workers)
        actor = ray.remote(num_cpus=threads, num_gpus=gpus, max_restarts=0, scheduling_strategy="SPREAD")(Worker)
        self._needs = f"{threads} CPUs" + (" and a GPU" if gpus else "")
        self._new = partial(actor.remote, sent(job, mark, scratch), {part: mark[part] for part in SAME}, threads)
        self._calls: dict[Any, Any] = {}  # the actor by the reference to what it will return

    def launch(self) -> Any:  # noqa: ANN401
        """See Pool."""
        actor = self._new()
        self._calls[actor.load.remote()] = actor
        return actor

    def submit(self, worker: Any, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> None:  # noqa: ANN401
        """See Pool."""
        self._calls[worker.score.remote(name, items, out, deadly)] = worker

    def wait(self, timeout_s: float) -> Sequence[Outcome[Any]]:
        """See Pool."""
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=timeout_s)
        return [self._outcome(reference) for reference in ready]

    def kill(self, worker: Any) -> None:  # noqa: ANN401
        """See Pool."""
        ray.kill(worker)

    def waits_for(self) -> str:
        """See Pool."""
        return f"{self._needs} each; the cluster: {_sizes()}"

    def _outcome(self, reference: Any) -> Outcome[Any]:  # noqa: ANN401
        worker = self._calls.pop(reference)
        try:
            return Outcome(worker, alive=True, shard=ray.get(reference))
        except RayTaskError as error:
            raise error.cause from error
        except RayError:
            return Outcome(worker, alive=False)


def cpus_each(nodes: Sequence[float], workers: int) -> int:
    """The most whole CPUs that each of so many workers can have on machines with so many; 1 where they do not fit."""
    most = int(max(nodes, default=1))
    return max((size for size in range(1, most + 1) if sum(node // size for node in nodes) >= workers), default=1)


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _sizes() -> str:
    found = [node["Resources"] for node in _nodes()]
    return ", ".join(f"{part.get('CPU', 0):g} CPUs and {part.get('GPU', 0):g} GPUs" for part in found) or "no machines"


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
