"""Scored rows made by hand, for tests of what is measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.model import LABELS
from tocsin.training.scored import Scored


def make_scored(
    probabilities: Sequence[Sequence[float]],
    targets: Sequence[Sequence[int]],
    *,
    source: str = "toy",
    lang: str = "en",
    groups: Sequence[str] | None = None,
    texts: Sequence[str] | None = None,
) -> Scored:
    """Rows of one source and language; each its own group unless said otherwise."""
    count = len(probabilities)

    def column(values: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
        return np.array(list(values), dtype=np.str_)

    return Scored(
        LABELS,
        np.array(probabilities, dtype=np.float64),
        np.array(targets, dtype=np.int64),
        column(texts or [f"sentence {n}" for n in range(count)]),
        column([lang] * count),
        column([source] * count),
        column(groups or [f"g{n}" for n in range(count)]),
        column([""] * count),
        column([""] * count),
    )
