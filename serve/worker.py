"""What a worker process does, here or on a cluster: load the model once, then score shards into given folders."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from tocsin.model import RhetoricClassifier
from tocsin.serve.engine import CountingEngine, open_engine
from tocsin.serve.fingerprint import describe
from tocsin.serve.job import Job, load_classifier
from tocsin.serve.manifest import Shard
from tocsin.serve.records import Item
from tocsin.serve.shard import Result, score_shard

SAME = (
    "versions",
    "engine_versions",
    "weights",
    "base",
    "device",
)  # of the fingerprint: what a machine can have otherwise


class Worker:
    """An actor: it has one process and scores one shard at a time."""

    def __init__(self, job: Job, mark: Mapping[str, Any], threads: int) -> None:
        self.job, self.mark, self.threads = job, mark, threads  # absolute paths; SAME of the fingerprint
        self.classifier: RhetoricClassifier | None = None
        self.engine: CountingEngine | None = None

    def load(self) -> None:
        """Load the model. ValueError or OSError where this machine would not score as the job asks, or cannot.

        Not done on construction, since Ray tells of an error there only that the worker died.
        """
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        torch.set_num_threads(self.threads)
        host = socket.gethostname()
        if not Path(self.job.out).is_dir():
            raise FileNotFoundError(
                f"expected the folder {self.job.out} on the machine {host} as well, found none; "
                "put the job on storage that all machines mount under one name"
            )
        found = describe(self.job, [])["fingerprint"]
        for part in SAME:
            if found[part] != self.mark[part]:
                raise ValueError(
                    f"expected {part} {self.mark[part]} on the machine {host} as where the job was begun, "
                    f"found {found[part]}; install the same on all machines"
                )
        self.classifier = load_classifier(self.job)
        self.engine = open_engine(self.classifier, self.job.engine, self.job.batch_tokens, threads=self.threads)

    def score(self, name: str, items: Sequence[Item], out: str, deadly: Collection[str]) -> Shard:
        """Score records into files of their own below ``out``; see score_shard."""
        assert self.classifier is not None  # noqa: S101 - load() comes first
        assert self.engine is not None  # noqa: S101
        return score_shard(
            dataclasses.replace(self.job, out=out), name, items, self.classifier, self.engine, _ignore, deadly=deadly
        )


def _ignore(result: Result) -> None:
    """Counts travel with the finished shard."""
