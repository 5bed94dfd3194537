"""95% bootstrap intervals over groups: twins, passages and documents are drawn whole, since their rows are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tocsin.training.example import UNKNOWN
from tocsin.training.scored import Floats, Ints, Mask, Scored

SAMPLES = 1000
RANK_SAMPLES = 200  # of average precision and ROC AUC, which need every row again for every sample
CHUNK = 100  # samples at a time, so that many groups do not fill the memory


def group_numbers(scored: Scored) -> tuple[Ints, int]:
    """The number of each row's group, and how many groups there are."""
    names = np.char.add(np.char.add(scored.sources, "/"), scored.groups)
    _, numbers = np.unique(names, return_inverse=True)
    return numbers.astype(np.int64), int(numbers.max()) + 1


def counts_of(truth: Ints, given: Mask, numbers: Ints, size: int) -> Floats:
    """Hits, false alarms and misses of each group, shape (3, size)."""
    kinds = ((truth == 1) & given, (truth == 0) & given, (truth == 1) & ~given)
    return np.array([np.bincount(numbers, weights=kind, minlength=size) for kind in kinds])


def drawn_counts(counts: Sequence[Floats], size: int, samples: int, seed: int) -> list[Floats]:
    """The counts summed over groups drawn with replacement, each of shape (3, samples); all from the same draws."""
    rng = np.random.default_rng(seed)
    sums: list[list[Floats]] = [[] for _ in counts]
    for start in range(0, samples, CHUNK):
        weights = rng.multinomial(size, np.full(size, 1.0 / size), min(CHUNK, samples - start))
        for total, found in zip(sums, counts, strict=True):
            total.append(found @ weights.T)
    return [np.concatenate(total, axis=1) for total in sums]


def rates(counts: Floats) -> dict[str, Floats]:
    """Precision, recall and F1 from hits, false alarms and misses, shape (3, …)."""
    hits, alarms, misses = counts
    return {
        "precision": hits / np.maximum(hits + alarms, 1),
        "recall": hits / np.maximum(hits + misses, 1),
        "f1": 2 * hits / np.maximum(2 * hits + alarms + misses, 1),
    }


def intervals_of(
    scored: Scored, thresholds: Mapping[str, float], labels: Sequence[str], *, seed: int = 0
) -> dict[str, float]:
    """Bounds "label/f1_low", "label/f1_high" …, for precision, recall, F1, AP and ROC AUC, and of macro-F1."""
    numbers, size = group_numbers(scored)
    given = scored.reached(dict(thresholds))
    columns = [scored.labels.index(label) for label in labels]
    counts = [counts_of(scored.targets[:, column], given[:, column], numbers, size) for column in columns]
    metrics: dict[str, float] = {}
    f1s = []
    for label, drawn in zip(labels, drawn_counts(counts, size, SAMPLES, seed), strict=True):
        found = rates(drawn)
        f1s.append(found["f1"])
        for name, values in (found | _ranks(scored, label, numbers, size, seed)).items():
            metrics |= bounds(f"{label}/{name}", values)
    if len(labels) == len(scored.labels):
        metrics |= bounds("macro/f1", np.mean(f1s, axis=0))
    return metrics


def bounds(name: str, values: Floats) -> dict[str, float]:
    """The middle 95% of sampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def _ranks(scored: Scored, label: str, numbers: Ints, size: int, seed: int) -> dict[str, Floats]:
    column = scored.labels.index(label)
    known = scored.targets[:, column] != UNKNOWN
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(size, np.full(size, 1.0 / size), RANK_SAMPLES)[:, numbers[known]]
    precision, area = ranking_scores(scored.targets[known, column], scored.probabilities[known, column], drawn)
    usable = np.isfinite(precision) & np.isfinite(area)
    return {"average_precision": precision[usable], "roc_auc": area[usable]} if usable.any() else {}


def ranking_scores(truth: Ints, values: Floats, weights: Ints) -> tuple[Floats, Floats]:
    """Average precision and ROC AUC under each row of ``weights``, shape (samples, n); NaN where a class has no weight.

    scikit-learn's figures, for all samples at once: its functions take one set of weights at a time.
    """
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(values[order]) != 0])  # ties count as one step
    positive = np.add.reduceat(weights[:, order] * truth[order], starts, axis=1).astype(np.float64)
    negative = np.add.reduceat(weights[:, order] * (1 - truth[order]), starts, axis=1).astype(np.float64)
    hits, alarms = positive.cumsum(axis=1), negative.cumsum(axis=1)
    all_positive, all_negative = hits[:, -1], alarms[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.nan_to_num(hits / (hits + alarms)) * positive
        precision = steps.sum(axis=1) / all_positive
        below = all_negative[:, None] - alarms + negative / 2  # negatives that lie lower, ties by half
        area = (positive * below).sum(axis=1) / (all_positive * all_negative)
    area[all_positive * all_negative == 0] = np.nan
    return precision, area
