"""``--engine auto``: the fastest engine that decides as PyTorch does, by a measurement once a machine and model."""

from __future__ import annotations

import importlib.util

from tocsin.model import RhetoricClassifier
from tocsin.model.checkpoint import read_description, resolve_checkpoint
from tocsin.model.classifier import resolve_device
from tocsin.model.precision import bf16_pays
from tocsin.serve.engine import OPENVINO, OPENVINO_BF16, OPENVINO_INT8, TORCH

# Engines and the packages that each needs.
CANDIDATES = {OPENVINO: ("openvino",), OPENVINO_BF16: ("openvino",), OPENVINO_INT8: ("openvino", "nncf")}


def fastest(model: str, device: str | None, precision: str, *, make: bool) -> str:
    """Name of the fastest engine for a model on this machine: PyTorch on a GPU, in bf16, or without OpenVINO.

    What is not yet in the cache is made and measured now with ``make``, and does not count without.
    """
    if precision != "fp32" or resolve_device(device).type != "cpu":
        return TORCH
    from tocsin.serve.compiled import cached_report, make_report

    description = read_description(resolve_checkpoint(model))
    rates = {TORCH: 0.0}
    classifier: RhetoricClassifier | None = None
    for name, packages in CANDIDATES.items():
        if not all(map(importlib.util.find_spec, packages)) or (name == OPENVINO_BF16 and not bf16_pays("cpu")):
            continue
        report = cached_report(description, name)
        if report is None and not make:
            continue
        if report is None:
            classifier = classifier or RhetoricClassifier.from_pretrained(model, device="cpu")
            report = make_report(classifier, name)
        measured = report["sentences_per_second"]
        rates[TORCH] = max(rates[TORCH], measured[TORCH])
        if report["parity"]["holds"]:
            rates[name] = measured[name]
    return max(rates, key=lambda name: rates[name])
