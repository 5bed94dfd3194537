"""The engines that are measured: those of ``tocsin score --engine`` whose packages are here.

Not openvino-int8, which the parity gate refuses for the shipped weights.
"""

from __future__ import annotations

import importlib.util

ENGINES = ("torch",) + (("openvino",) if importlib.util.find_spec("openvino") else ())
PRECISIONS = {"torch": ("fp32", "bf16")} | {name: ("fp32",) for name in ENGINES[1:]}  # the first one is the default
BATCH_TOKENS = 2048  # as tocsin score has it


def score_options(name: str, precision: str) -> list[str]:
    """Options by which ``tocsin score`` takes the engine."""
    if name not in ENGINES:
        raise ValueError(f"expected an engine of {', '.join(ENGINES)}, found {name!r}")
    return ["--engine", name, "--precision", precision]
