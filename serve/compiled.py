"""Engines compiled by OpenVINO: made once a model and machine, measured against PyTorch, kept in the cache.

Making one converts the network, for ``openvino-int8`` also turns its linear layers into 8-bit ones, compiles it, and
holds its scores on a fixed sample against PyTorch in float32. The outcome stands in report.json beside the model, so
that an engine that was refused is not tried again.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import logging
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from filelock import FileLock

from tocsin.model import RhetoricClassifier
from tocsin.model.base import cache_folder, file_sha256
from tocsin.model.checkpoint import Description
from tocsin.model.classifier import DEFAULT_BATCH_TOKENS, pad, token_batches
from tocsin.model.network import RhetoricNetwork
from tocsin.serve.engine import (
    OPENVINO_BF16,
    OPENVINO_INT8,
    TORCH,
    Array,
    TorchEngine,
    check_packages,
    engine_versions,
)
from tocsin.serve.parity import compare, read_sample

if TYPE_CHECKING:
    import openvino

MODEL, REPORT = "model.xml", "report.json"
MOST_BATCH_TOKENS = 1024  # 2048 were a fifth slower on CPU
WARM_UP = 64  # sentences


class CompiledEngine:
    """A compiled encoder and head, with the tokenizer, n-grams and calibration of its classifier.

    N-grams stay with PyTorch: OpenVINO divides integers as 32-bit floats, which puts them into other buckets.
    """

    def __init__(self, classifier: RhetoricClassifier, compiled: openvino.CompiledModel, batch_tokens: int) -> None:
        self.classifier, self.batch_tokens = classifier, min(batch_tokens, MOST_BATCH_TOKENS)
        self.tokens = 0
        self._compiled = compiled
        self._broken: list[openvino.AsyncInferQueue] = []
        self._queue = self._new_queue()

    def predict_clean(self, sentences: Sequence[str]) -> Array:
        """See Engine."""
        ids = self.classifier.encode(sentences)
        try:
            logits = self._infer(ids)
        except Exception:
            # A queue raises its first error for ever. It is kept: its other requests still run, into their own array,
            # and ending it under them ends the process.
            self._broken.append(self._queue)
            self._queue = self._new_queue()
            raise
        self.tokens += sum(map(len, ids))
        return self.classifier.calibrate(logits)

    def _infer(self, ids: Sequence[list[int]]) -> Array:
        logits = np.zeros((len(ids), len(self.classifier.labels)))
        ngrams = self.classifier.network.ngrams
        padding = int(self.classifier.tokenizer.pad_token_id)
        added = []
        # Longest batches first: the last ones, for which a core may wait, are then short.
        for rows in reversed(list(token_batches([len(row) for row in ids], self.batch_tokens))):
            inputs, mask = pad([ids[row] for row in rows], padding)
            self._queue.start_async([inputs.numpy(), mask.numpy()], (logits, rows))
            if ngrams is not None:
                with torch.inference_mode():
                    added.append((rows, ngrams(inputs, mask).numpy()))
        self._queue.wait_all()
        for rows, scores in added:
            logits[rows] += scores
        return logits

    def _new_queue(self) -> openvino.AsyncInferQueue:
        queue = _openvino().AsyncInferQueue(self._compiled)  # as many requests as the processor runs well at a time
        queue.set_callback(_take)
        return queue


def _take(request: openvino.InferRequest, target: tuple[Array, list[int]]) -> None:
    logits, rows = target
    logits[rows] = request.get_output_tensor(0).data


def open_compiled(
    classifier: RhetoricClassifier, name: str, batch_tokens: int, threads: int | None = None
) -> CompiledEngine:
    """The compiled engine called ``name``, from the cache or made now; it uses all cores, or so many threads.

    ValueError when a package is missing, the classifier is on a GPU, or the engine fails the parity gate.
    """
    check_usable(name, classifier.device)
    folder = engine_folder(classifier.description, name)
    report = cached_report(classifier.description, name) or make_report(classifier, name)
    check_parity(name, report)
    if report["files"] != _hashes(folder):
        raise ValueError(f"expected the engine in {folder} as it was made, found other files; delete the folder")
    return CompiledEngine(classifier, _compile(folder / MODEL, name, threads, cache=True), batch_tokens)


def check_parity(name: str, report: dict[str, Any]) -> None:
    """ValueError when the engine did not decide as PyTorch does."""
    if not report["parity"]["holds"]:
        raise ValueError(
            f"expected the engine {name} to decide as PyTorch does, found {report['verdict']}; use --engine {TORCH}"
        )


def check_usable(name: str, device: torch.device) -> None:
    """ValueError when a package of the engine is not installed, or the device is no CPU."""
    check_packages(name)
    if device.type != "cpu":
        raise ValueError(f"expected --device cpu for the engine {name}, found {device}; use --engine {TORCH}")


def engine_folder(description: Description, name: str) -> Path:
    """Where the engine of a checkpoint lies on this machine; the name changes with whatever its scores depend on."""
    parts = [
        name,
        description.weights_sha256,
        description.base_sha256,
        json.dumps([description.calibration, description.max_tokens], sort_keys=True),
        json.dumps(engine_versions(name), sort_keys=True),
        _processor(),
    ]
    return cache_folder() / "engines" / f"{name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]}"


def cached_report(description: Description, name: str) -> dict[str, Any] | None:
    """What was measured when the engine was made on this machine; None when it was not, or cannot be read."""
    try:
        report: dict[str, Any] = json.loads((engine_folder(description, name) / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report


def make_report(classifier: RhetoricClassifier, name: str) -> dict[str, Any]:
    """Make the engine and measure it, unless another process has just done so."""
    folder = engine_folder(classifier.description, name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if (report := cached_report(classifier.description, name)) is not None:
            return report
        sys.stderr.write(f"making the engine {name} for {classifier.model_id}, once for this machine\n")
        for left in folder.parent.glob(f".{folder.name}-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            work = Path(temporary) / "engine"
            report = build(classifier, name, work)
            shutil.rmtree(folder, ignore_errors=True)  # without a report it is not whole
            os.replace(work, folder)
        return report


def build(classifier: RhetoricClassifier, name: str, folder: Path) -> dict[str, Any]:
    """Convert, compile and measure an engine into a new folder; its report."""
    folder.mkdir(parents=True)
    begun = time.monotonic()
    _convert(classifier, name, folder / MODEL)
    seconds = time.monotonic() - begun
    engine = CompiledEngine(classifier, _compile(folder / MODEL, name), MOST_BATCH_TOKENS)
    sample = read_sample()
    found, rate = _measured(engine, sample)
    reference, reference_rate = _measured(TorchEngine(classifier, DEFAULT_BATCH_TOKENS), sample)
    parity = compare(found, reference, classifier.thresholds)
    report = {
        "engine": name,
        "model": classifier.model_id,
        "parity": parity.as_dict(),
        "verdict": str(parity),
        "sentences_per_second": {name: round(rate, 1), TORCH: round(reference_rate, 1)},
        "seconds_to_convert": round(seconds, 1),
        "versions": engine_versions(name),
        "processor": _processor(),
        "files": _hashes(folder),
    }
    (folder / REPORT).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _measured(engine: CompiledEngine | TorchEngine, sentences: Sequence[str]) -> tuple[Array, float]:
    """Scores, and sentences a second once memory is allocated and kernels are made."""
    engine.predict_clean(sentences[:WARM_UP])
    begun = time.perf_counter()
    scores = engine.predict_clean(sentences)
    return scores, len(sentences) / (time.perf_counter() - begun)


def _convert(classifier: RhetoricClassifier, name: str, path: Path) -> None:
    """Write the encoder and head as an OpenVINO model."""
    openvino = _openvino()
    network = RhetoricNetwork(classifier.network.encoder, len(classifier.labels)).eval()  # without n-grams
    network.head = classifier.network.head
    example = pad(
        classifier.encode(["One sentence.", "Another, which is a little longer."]), 0
    )  # padding is traced too
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, on a check of lengths that holds for every input
        model = openvino.convert_model(network, example_input=example)
    if name == OPENVINO_INT8:
        model = _with_int8_weights(model)
    openvino.save_model(model, path, compress_to_fp16=False)


def _with_int8_weights(model: openvino.Model) -> openvino.Model:
    """Linear layers with 8-bit weights a channel; activations become 8-bit ones while the model runs.

    Activations quantised beforehand moved scores twice as far (docs/performance.md).
    """
    import nncf

    nncf.set_log_level(logging.ERROR)
    compressed: openvino.Model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    return compressed


def _compile(path: Path, name: str, threads: int | None = None, *, cache: bool = False) -> openvino.CompiledModel:
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if name == OPENVINO_BF16 else "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "64" if name == OPENVINO_INT8 else "0",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    if cache:  # kept by the model's path, so of no use before the folder has its name
        settings["CACHE_DIR"] = str(path.parent / "compiled")
    return _openvino().Core().compile_model(path, "CPU", settings)


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in sorted(folder.glob(f"{Path(MODEL).stem}.*"))}


def _openvino() -> ModuleType:
    """The package, without the part that reports its use to the vendor: nothing here speaks to a network."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None makes its import fail
    return importlib.import_module("openvino")


def _processor() -> str:
    """Name of the processor and the instructions it has, on which compiled kernels and their speed depend."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        kept = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
        return hashlib.sha256("\n".join(sorted(kept)).encode()).hexdigest()[:16] + f"-{os.cpu_count()}"
    return f"{platform.processor()}-{os.cpu_count()}"
