"""Engines: what turns clean sentences into calibrated probabilities, and which one a job gets.

``torch`` is the reference. The compiled engines of OpenVINO must pass the parity gate against it (parity.py) before
they score anything.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from tocsin.model import RhetoricClassifier

TORCH, AUTO = "torch", "auto"
OPENVINO, OPENVINO_BF16, OPENVINO_INT8 = "openvino", "openvino-bf16", "openvino-int8"
ENGINES = (TORCH, OPENVINO, OPENVINO_BF16, OPENVINO_INT8)
LEAST_BATCH_TOKENS = 512  # one sentence of the greatest length

Array = npt.NDArray[np.float64]


class Engine(Protocol):
    """Anything that turns clean sentences into calibrated probabilities."""

    def predict_clean(self, sentences: Sequence[str]) -> Array:
        """Probabilities of shape (n_sentences, n_labels) for sentences that are clean already."""
        ...


class CountingEngine(Engine, Protocol):
    """An engine that counts what it does."""

    @property
    def tokens(self) -> int:
        """Tokens that it has read so far, without padding."""
        ...


class TorchEngine:
    """The PyTorch classifier as an engine; when memory runs out it goes on with batches of half the size."""

    def __init__(self, classifier: RhetoricClassifier, batch_tokens: int) -> None:
        self.classifier, self.batch_tokens = classifier, batch_tokens
        self.tokens = 0

    def predict_clean(self, sentences: Sequence[str]) -> Array:
        """See Engine."""
        ids = self.classifier.encode(sentences)
        while True:
            try:
                logits = self.classifier.predict_encoded(ids, batch_tokens=self.batch_tokens)
                self.tokens += sum(map(len, ids))
                return self.classifier.calibrate(logits)
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error) or self.batch_tokens // 2 < LEAST_BATCH_TOKENS:
                    raise
                self.batch_tokens //= 2
                sys.stderr.write(f"memory ran out; going on with --batch-tokens {self.batch_tokens}\n")


def _out_of_memory(error: Exception) -> bool:
    # torch raises its own type on a GPU and a plain RuntimeError from the CPU allocator
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "can't allocate memory" in str(error) or "not enough memory" in str(error)


def open_engine(
    classifier: RhetoricClassifier, name: str, batch_tokens: int, *, threads: int | None = None
) -> CountingEngine:
    """The engine called ``name`` (one of ENGINES) for a classifier; a compiled one uses so many threads, or all cores.

    A compiled engine is made and measured against the reference the first time, which takes a while, and comes from the
    cache afterwards. ValueError when its package is missing, the device is no CPU, or the parity gate refuses it.
    """
    if name == TORCH:
        return TorchEngine(classifier, batch_tokens)
    from tocsin.serve.compiled import open_compiled

    return open_compiled(classifier, name, batch_tokens, threads)


def engine_packages(name: str) -> tuple[str, ...]:
    """The packages besides ours that an engine needs."""
    return {TORCH: (), OPENVINO_INT8: ("openvino", "nncf")}.get(name, ("openvino",))


def check_packages(name: str) -> None:
    """ValueError when a package of the engine is not installed."""
    if missing := [package for package in engine_packages(name) if importlib.util.find_spec(package) is None]:
        raise ValueError(
            f"expected the package {missing[0]} for the engine {name}, found none; pip install 'tocsin[openvino]'"
        )


def engine_versions(name: str) -> dict[str, str]:
    """Versions of the packages that decide an engine's scores."""
    return {
        package: importlib.metadata.version(package)
        for package in ("tocsin", "torch", "tokenizers", *engine_packages(name))
    }
