"""Are two models different, or is it the rows? A paired bootstrap over groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tocsin.training.scored import Ints, Scored

SAMPLES = 2000


def compare(
    one: Scored, other: Scored, limits_one: Mapping[str, float], limits_other: Mapping[str, float], *, seed: int = 0
) -> dict[str, float]:
    """F1 of each label under both models and the difference (other minus one), keys "label/…" and "macro/…".

    ``low`` and ``high`` bound its 95% interval over groups drawn with replacement, the same ones for both models
    (Efron and Tibshirani 1993); ``p`` is twice the smaller share of samples on either side of 0. ValueError when the
    two were not scored on the same rows.
    """
    if list(one.texts) != list(other.texts) or one.labels != other.labels:
        raise ValueError("expected two models scored on the same rows with the same labels, found different ones")
    _, numbers = np.unique(np.char.add(np.char.add(one.sources, "/"), one.groups), return_inverse=True)
    size = int(numbers.max()) + 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(size, np.full(size, 1.0 / size), SAMPLES)
    metrics: dict[str, float] = {}
    samples, points = [], []
    for column, label in enumerate(one.labels):
        truth = one.targets[:, column]
        known = truth >= 0
        if not (truth == 1).any():
            continue
        f1s = [
            _f1(truth[known], given[known, column], numbers[known], size, drawn)
            for given in (one.reached(dict(limits_one)), other.reached(dict(limits_other)))
        ]
        points.append([float(values[0]) for values in f1s])
        samples.append(f1s[1][1:] - f1s[0][1:])
        metrics |= _summary(label, points[-1], samples[-1])
    if points:
        metrics |= _summary("macro", [float(v) for v in np.mean(points, axis=0)], np.mean(samples, axis=0))
    return metrics


def _f1(truth: Ints, given: Ints, numbers: Ints, size: int, drawn: Ints) -> Ints:
    """F1 on the rows as they are, then on each sample of groups; shape (1 + SAMPLES,)."""
    counts = [
        np.bincount(numbers, weights=mask, minlength=size)
        for mask in ((truth == 1) & given, (truth == 0) & given, (truth == 1) & ~given)
    ]
    hits, alarms, misses = (np.concatenate([[count.sum()], drawn @ count]) for count in counts)
    f1: Ints = 2 * hits / np.maximum(2 * hits + alarms + misses, 1)
    return f1


def _summary(name: str, points: list[float], samples: Ints) -> dict[str, float]:
    low, high = np.percentile(samples, [2.5, 97.5])
    tail = min(float((samples <= 0).mean()), float((samples >= 0).mean()))
    return {
        f"{name}/one": points[0],
        f"{name}/other": points[1],
        f"{name}/difference": points[1] - points[0],
        f"{name}/low": float(low),
        f"{name}/high": float(high),
        f"{name}/p": min(1.0, 2 * tail),
    }
