"""The engines that are measured: a name more in ENGINES, with what opens it, and every script takes it up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the processes that only start others stay small
    from tocsin.model import RhetoricClassifier
    from tocsin.serve.score import Engine

ENGINES = ("torch",)
PRECISIONS = {"torch": ("fp32", "bf16")}  # of each engine; the first one is its default
BATCH_TOKENS = 4096  # as tocsin score has it


def open_engine(classifier: RhetoricClassifier, name: str) -> Engine:
    """The engine called ``name``; ValueError when there is none."""
    from tocsin.serve.score import ClassifierEngine

    if name not in ENGINES:
        raise ValueError(f"expected an engine of {', '.join(ENGINES)}, found {name!r}")
    return ClassifierEngine(classifier, BATCH_TOKENS)


def score_options(name: str, precision: str) -> list[str]:
    """Options by which ``tocsin score`` takes the engine."""
    if name not in ENGINES:
        raise ValueError(f"expected an engine of {', '.join(ENGINES)}, found {name!r}")
    return ["--precision", precision]
