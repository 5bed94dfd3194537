"""Calibration and thresholds, both chosen on validation rows only."""

from __future__ import annotations

import itertools

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_recall_curve

from tocsin.training.example import UNKNOWN
from tocsin.training.scored import Floats, Ints, Scored

MIN_POSITIVES = 20  # below it neither a slope nor a threshold can be told from noise
THRESHOLD_RANGE = (0.3, 0.95)
DEFAULT_THRESHOLD = 0.5


def fit_calibration(logits: Floats, targets: Ints, labels: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Scale and shift of each label's logit (Platt, 1999), by logistic regression on the known targets.

    Both arrays have shape (n, n_labels). A label with too few rows of either kind is left out.
    """
    calibration: dict[str, tuple[float, float]] = {}
    for column, label in enumerate(labels):
        known = targets[:, column] != UNKNOWN
        truth = targets[known, column]
        if min(truth.sum(), len(truth) - truth.sum()) < MIN_POSITIVES:
            continue
        fitted = LogisticRegression(C=1e6).fit(logits[known, column : column + 1], truth)
        calibration[label] = (float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
    return calibration


def choose_thresholds(
    scored: Scored,
    sober: Floats,
    *,
    max_false_alarms: float,
    flagging: tuple[str, ...],
    precision: float | None = None,
) -> dict[str, float]:
    """Thresholds of the highest mean F1 among those that flag at most ``max_false_alarms`` of the sober sentences.

    ``sober`` holds probabilities of sentences that carry no flagging label, shape (m, n_labels). Every division of the
    allowed alarms among the labels is tried, since some labels need more of them than others; a sentence that several
    labels flag is one alarm. With ``precision`` no threshold lies below the lowest that reaches it.
    """
    least = {label: _least(scored, label, precision) for label in scored.labels}
    chosen = {label: _bounded(limit) for label, limit in least.items()}
    bound = [label for label in scored.labels if label in flagging]
    allowed = int(max_false_alarms * len(sober))
    if not len(sober) or not bound:
        return chosen
    options = {
        label: _options(*scored.known(label), sober[:, scored.labels.index(label)], least[label], allowed)
        for label in bound
    }
    columns = [scored.labels.index(label) for label in bound]
    best: tuple[float, tuple[float, ...]] = (-1.0, ())
    for combination in itertools.product(*options.values()):
        limits = tuple(limit for limit, _ in combination)
        score = sum(f1 for _, f1 in combination)
        if score > best[0] and int((sober[:, columns] >= limits).any(axis=1).sum()) <= allowed:
            best = score, limits
    if not best[1]:
        raise ValueError(
            f"expected thresholds that flag at most {allowed} of {len(sober)} sober sentences, found none up to "
            f"{THRESHOLD_RANGE[1]}; raise max_false_alarms or train longer"
        )
    return chosen | dict(zip(bound, best[1], strict=True))


def _least(scored: Scored, label: str, precision: float | None) -> float:
    """The threshold of best F1, or of a precision; DEFAULT_THRESHOLD where few rows have the label."""
    scores, truth = scored.known(label)
    if precision is None or truth.sum() < MIN_POSITIVES:
        return best_f1_threshold(scores, truth)
    found = threshold_for_precision(scores, truth, precision)
    return THRESHOLD_RANGE[1] if found is None else found


def _options(scores: Floats, truth: Ints, sober: Floats, best: float, allowed: int) -> list[tuple[float, float]]:
    """Threshold and F1 for each number of sober alarms from none to ``allowed``, without those that gain nothing."""
    ranked = np.sort(sober)[::-1]
    options: list[tuple[float, float]] = []
    for alarms in range(min(allowed, len(ranked) - 1) + 1):
        limit = _bounded(max(best, float(ranked[alarms]) + 1e-4))
        f1 = float(f1_score(truth, scores >= limit, zero_division=0))
        if not options or f1 > options[-1][1]:
            options.append((limit, f1))
    return options


def _bounded(threshold: float) -> float:
    return round(min(max(threshold, THRESHOLD_RANGE[0]), THRESHOLD_RANGE[1]), 4)


def best_f1_threshold(scores: Floats, truth: Ints) -> float:
    """The score from which F1 is highest; DEFAULT_THRESHOLD with few positives."""
    if truth.sum() < MIN_POSITIVES:
        return DEFAULT_THRESHOLD
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(thresholds[int(np.argmax(f1[:-1]))])


def best_macro_f1_threshold(scores: Floats, truth: Ints) -> float:
    """The score from which the mean F1 of a label's presence and absence is highest, among the scores' percentiles."""
    limits = np.unique(np.quantile(scores, np.linspace(0.01, 0.99, 99)))
    values = [f1_score(truth, scores >= limit, average="macro", labels=[0, 1], zero_division=0) for limit in limits]
    return float(limits[int(np.argmax(values))])


def threshold_for_precision(scores: Floats, truth: Ints, precision: float) -> float | None:
    """The lowest score from which at least this precision is reached; None where none reaches it."""
    reached, _, thresholds = precision_recall_curve(truth, scores)
    enough = np.flatnonzero(reached[:-1] >= precision)
    return float(thresholds[enough[0]]) if len(enough) else None
