"""Which rows an epoch sees, and batches of similar length made from them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from datasets import Dataset

from tocsin.model.script import to_cyrillic
from tocsin.training.config import SourceConfig

BUCKET_BATCHES = 50  # rows are shuffled, then sorted by length inside a window of this many batches
_SERBIAN_LATIN = frozenset({"sr-Latn", "cnr"})


def epoch_rows(sources: Sequence[str], config: dict[str, SourceConfig], rng: random.Random) -> list[int]:
    """Row numbers of one epoch in random order: each source repeated, or a fresh subset of it."""
    by_source: dict[str, list[int]] = {}
    for row, source in enumerate(sources):
        by_source.setdefault(source, []).append(row)
    chosen: list[int] = []
    for source in sorted(by_source):
        options = config[source]
        rows = by_source[source]
        if options.max_rows is not None and len(rows) > options.max_rows:
            rows = rng.sample(rows, options.max_rows)
        chosen.extend(rows * options.repeat)
    rng.shuffle(chosen)
    return chosen


def length_batches(rows: Sequence[int], lengths: Sequence[int], size: int, rng: random.Random) -> list[list[int]]:
    """Batches of ``size`` rows of similar length, in random order; the last of a window may be shorter."""
    batches: list[list[int]] = []
    window = size * BUCKET_BATCHES
    for start in range(0, len(rows), window):
        ordered = sorted(rows[start : start + window], key=lambda row: lengths[row])
        batches.extend(ordered[at : at + size] for at in range(0, len(ordered), size))
    rng.shuffle(batches)
    return batches


def in_cyrillic(dataset: Dataset, fraction: float, rng: random.Random) -> list[str]:
    """The texts of a data set, a random part of the Serbian and Montenegrin Latin ones written in Cyrillic.

    Both scripts are printed in the region; a model that has seen a threat in one must know it in the other.
    """
    return [
        to_cyrillic(text) if lang in _SERBIAN_LATIN and rng.random() < fraction else text
        for text, lang in zip(dataset["text"], dataset["lang"], strict=True)
    ]
