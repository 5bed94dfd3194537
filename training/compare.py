"""Are two models different, or is it the rows? A paired bootstrap over groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tocsin.training.bootstrap import SAMPLES, counts_of, drawn_counts, group_numbers, rates
from tocsin.training.scored import Floats, Scored


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
    numbers, size = group_numbers(one)
    given = one.reached(dict(limits_one)), other.reached(dict(limits_other))
    labels = [label for column, label in enumerate(one.labels) if (one.targets[:, column] == 1).any()]
    columns = [one.labels.index(label) for label in labels]
    counts = [
        counts_of(one.targets[:, column], chosen[:, column], numbers, size) for column in columns for chosen in given
    ]
    drawn = [rates(found)["f1"] for found in drawn_counts(counts, size, SAMPLES, seed)]
    whole = [float(rates(found.sum(axis=1))["f1"]) for found in counts]
    metrics: dict[str, float] = {}
    for place, label in enumerate(labels):
        metrics |= _summary(label, whole[2 * place : 2 * place + 2], drawn[2 * place + 1] - drawn[2 * place])
    if labels:
        samples = np.mean(drawn[1::2], axis=0) - np.mean(drawn[::2], axis=0)
        metrics |= _summary("macro", [float(np.mean(whole[::2])), float(np.mean(whole[1::2]))], samples)
    return metrics


def _summary(name: str, points: list[float], samples: Floats) -> dict[str, float]:
    low, high = np.percentile(samples, [2.5, 97.5])
    # One is added to both (Davison and Hinkley 1997): no number of samples shows that a chance is nil.
    tail = min((samples <= 0).sum() + 1, (samples >= 0).sum() + 1) / (len(samples) + 1)
    return {
        f"{name}/one": points[0],
        f"{name}/other": points[1],
        f"{name}/difference": points[1] - points[0],
        f"{name}/low": float(low),
        f"{name}/high": float(high),
        f"{name}/p": float(min(1.0, 2 * tail)),
    }
