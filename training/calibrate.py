"""Calibration and thresholds, both chosen on validation rows only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

from tocsin.model.labels import FLAGGING, LABELS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MIN_POSITIVES = 20  # below it neither a slope nor a threshold can be told from noise
THRESHOLD_RANGE = (0.3, 0.95)
DEFAULT_THRESHOLD = 0.5


def fit_calibration(logits: Floats, targets: Ints) -> dict[str, tuple[float, float]]:
    """Scale and shift of each label's logit (Platt, 1999), by logistic regression on the known targets.

    Both arrays have shape (n, n_labels). A label with too few rows of either kind keeps (1, 0).
    """
    calibration = {}
    for column, label in enumerate(LABELS):
        known = targets[:, column] >= 0
        truth = targets[known, column]
        if min(truth.sum(), len(truth) - truth.sum()) < MIN_POSITIVES:
            calibration[label] = (1.0, 0.0)
            continue
        fitted = LogisticRegression(C=1e6).fit(logits[known, column : column + 1], truth)
        calibration[label] = (float(fitted.coef_[0, 0]), float(fitted.intercept_[0]))
    return calibration


def choose_thresholds(
    probabilities: Floats, targets: Ints, sober: Floats, *, max_false_alarms: float
) -> dict[str, float]:
    """The threshold of best F1 for each label, raised until few sober sentences are flagged.

    ``sober`` holds probabilities of sentences that carry no flagging label, shape (m, n_labels). Each flagging label
    may alarm on an equal part of ``max_false_alarms`` of them, so that together they stay below it.
    """
    thresholds = {}
    for column, label in enumerate(LABELS):
        known = targets[:, column] >= 0
        best = _best_f1(probabilities[known, column], targets[known, column])
        if label in FLAGGING and len(sober):
            allowed = 1.0 - max_false_alarms / len(FLAGGING)
            best = max(best, float(np.quantile(sober[:, column], allowed, method="higher")) + 1e-4)
        thresholds[label] = round(min(max(best, THRESHOLD_RANGE[0]), THRESHOLD_RANGE[1]), 4)
    return thresholds


def _best_f1(scores: Floats, truth: Ints) -> float:
    if truth.sum() < MIN_POSITIVES:
        return DEFAULT_THRESHOLD
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    return float(thresholds[int(np.argmax(f1[:-1]))])


def as_targets(rows: Sequence[Sequence[int]]) -> Ints:
    """Targets of a data set as an array of shape (n, n_labels)."""
    return np.array(rows, dtype=np.int64).reshape(-1, len(LABELS))
