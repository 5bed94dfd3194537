"""The gate that an engine must pass: the decisions of the reference, and scores close to its own.

The sample is fixed and in the package: sentences of the regional corpus' training part in every language and script,
of all lengths and labels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SAMPLE = Path(__file__).with_name("parity_sample.txt")
LEAST_EQUAL = 0.995  # share of decisions that must be those of the reference
GREATEST_MOVE = 0.02  # of a probability, at the quantile below
QUANTILE = 0.999


@dataclass(frozen=True, slots=True)
class Parity:
    """How far an engine is from the reference on the sample."""

    sentences: int
    labels_equal: float  # share of (sentence, label) decisions
    move_quantile: float  # 99.9th percentile of |p - p_reference|
    move_largest: float
    move_mean: float
    finite: bool = True

    @property
    def holds(self) -> bool:
        """Whether the engine may be used."""
        return self.finite and self.labels_equal >= LEAST_EQUAL and self.move_quantile <= GREATEST_MOVE

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a report."""
        return dataclasses.asdict(self) | {"holds": self.holds}

    def __str__(self) -> str:
        return (
            f"labels equal {self.labels_equal:.2%} (at least {LEAST_EQUAL:.1%}), "
            f"scores moved by {self.move_quantile:.4f} at the {QUANTILE:.1%} quantile (at most {GREATEST_MOVE}), "
            f"{self.move_largest:.4f} at most, "
            f"{self.sentences} sentences"
        )


def read_sample() -> list[str]:
    """The sentences of the gate."""
    return SAMPLE.read_text(encoding="utf-8").splitlines()


def compare(found: Array, reference: Array, thresholds: Mapping[str, float]) -> Parity:
    """Parity of probabilities of shape (n_sentences, n_labels), columns in the order of ``thresholds``."""
    if found.shape != reference.shape:
        raise ValueError(f"expected scores of shape {reference.shape}, found {found.shape}; the engine is unusable")
    moved = np.abs(found - reference)
    moved[~np.isfinite(moved)] = 1.0
    limits = np.array(list(thresholds.values()))
    return Parity(
        sentences=len(found),
        labels_equal=float(np.mean((found >= limits) == (reference >= limits))),
        move_quantile=float(np.quantile(moved, QUANTILE)),
        move_largest=float(moved.max()),
        move_mean=float(moved.mean()),
        finite=bool(np.isfinite(found).all()),
    )
