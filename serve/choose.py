"""Which engine a job gets, known to be usable before anything is written.

``auto`` is the fastest engine that decides as PyTorch does, by a measurement once a machine and model.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.serve.engine import OPENVINO, OPENVINO_INT8, TORCH, check_packages, engine_packages

CANDIDATES = (OPENVINO, OPENVINO_INT8)  # not bf16, which moves scores with the batch by more than the contract allows


def usable(name: str, model: str, device: str | None) -> str:
    """``name``, when the engine is or can be made; ValueError when it cannot or the parity gate refuses it."""
    chosen = resolve_device(device)
    if name != TORCH:
        check_packages(name)
        from tocsin.serve.compiled import check_parity, check_usable

        check_usable(name, chosen)
        check_parity(name, _made(name, model))
    return name


def fastest(model: str, device: str | None, precision: str, *, make: bool) -> str:
    """Name of the fastest engine for a model on this machine: PyTorch on a GPU, in bf16, or without OpenVINO.

    What is not yet in the cache is made and measured now with ``make``, and does not count without.
    """
    if precision != "fp32" or resolve_device(device).type != "cpu":
        return TORCH
    rates = {TORCH: 0.0}
    for name in CANDIDATES:
        if not all(map(importlib.util.find_spec, engine_packages(name))):
            continue
        try:
            report = _made(name, model) if make else _cached(name, model)
        except Exception as error:
            sys.stderr.write(f"{name} cannot be made here, going on without: {' '.join(str(error).split())}\n")
            continue
        if report is None:
            continue
        measured = report["sentences_per_second"]
        rates[TORCH] = max(rates[TORCH], measured[TORCH])
        if report["parity"]["holds"]:
            rates[name] = measured[name]
    return max(rates, key=lambda name: rates[name])


def _cached(name: str, model: str) -> dict[str, Any] | None:
    from tocsin.serve.compiled import cached_report

    return cached_report(read_description(resolve_checkpoint(model)), name)


def _made(name: str, model: str) -> dict[str, Any]:
    from tocsin.serve.compiled import make_report

    # The checkpoint's own thresholds decide what parity is, not those that a job may ask for.
    return _cached(name, model) or make_report(RhetoricClassifier.from_pretrained(model, device="cpu"), name)
