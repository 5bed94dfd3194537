"""Metrics of a classifier on labelled rows, by label, language and source, with counts and bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from datasets import Dataset
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score, roc_auc_score

from tocsin.model import FLAGGING, LABELS
from tocsin.training.calibrate import Floats, Ints, as_targets

PRIMARY_METRIC = "tocsin-regional/all/macro/f1"
SOBER_SOURCES = frozenset({"regional-news-ud", "osce-trilingual"})
MIN_CLASS_ROWS = 10  # positives and negatives that a slice needs before it is reported
BOOTSTRAP_SAMPLES = 2000
CALIBRATION_BINS = 10
_BASELINE = "baseline/"  # before the keys of the n-grams that stand beside a classifier
_FLAGGING_COLUMNS = [column for column, label in enumerate(LABELS) if label in FLAGGING]


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows with their probabilities, shape (n, n_labels), and what is known of them."""

    probabilities: Floats
    targets: Ints
    langs: npt.NDArray[np.str_]
    sources: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]


class Scorer(Protocol):
    """Anything that gives probabilities: the classifier, or a baseline."""

    def predict_proba(self, texts: list[str], /) -> Floats:
        """Probabilities, shape (n, n_labels)."""


def score_rows(scorer: Scorer, rows: Dataset) -> Scored:
    """Probabilities of every row of a data set with the columns of Example."""
    columns = [np.array([str(value) for value in rows[name]]) for name in ("lang", "source", "group")]
    return Scored(scorer.predict_proba(list(rows["text"])), as_targets(rows["targets"]), *columns)


def evaluate(scored: Scored, thresholds: dict[str, float], *, seed: int = 0) -> dict[str, float]:
    """Flat metrics, keys "source/language/label/metric"; "all" stands for every language of the source.

    F1, precision and recall use the thresholds; ``f1_low`` and ``f1_high`` bound the 95% bootstrap interval of F1.
    Slices with few rows of either class are left out rather than reported as noise.
    """
    metrics: dict[str, float] = {}
    limits = np.array([thresholds[label] for label in LABELS])
    for source in sorted(set(scored.sources)):
        of_source = scored.sources == source
        for lang in ["all", *sorted(set(scored.langs[of_source]))]:
            rows = of_source & ((scored.langs == lang) | (lang == "all"))
            prefix = f"{source}/{lang}"
            metrics |= _label_metrics(scored, rows, limits, prefix, seed)
            if source in SOBER_SOURCES or source == "parlasent-bcs":
                metrics |= _false_alarms(scored, rows, limits, prefix)
    return metrics


def f1_interval(truth: Ints, given: Ints, seed: int) -> tuple[float, float]:
    """95% bootstrap interval of F1 over rows drawn with replacement.

    Only hits, false alarms and misses enter F1, so their counts are drawn (a multinomial) instead of the rows.
    """
    hits, alarms, misses = (int((mask).sum()) for mask in (truth & given, ~truth & given & 1, truth & ~given & 1))
    count = len(truth)
    shares = np.array([hits, alarms, misses, count - hits - alarms - misses]) / count
    drawn = np.random.default_rng(seed).multinomial(count, shares, BOOTSTRAP_SAMPLES)
    values = 2 * drawn[:, 0] / np.maximum(2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2], 1)
    return float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))


def calibration_error(probabilities: Floats, truth: Ints) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015): mean gap weighted by bin size."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(probabilities[bins == number].mean() - truth[bins == number].mean()) * (bins == number).mean()
        for number in range(CALIBRATION_BINS)
        if (bins == number).any()
    ]
    return float(sum(gaps))


def twins(scored: Scored, thresholds: dict[str, float]) -> dict[str, float]:
    """What a scorer makes of near-twin pairs, by keys "twins/…".

    ``both_right`` is the share of pairs whose two members get exactly their flagging labels. ``ordered`` needs no
    threshold: over the flagging labels in which two members differ, how often the one that has it scores higher.
    """
    limits = np.array([thresholds[label] for label in LABELS])
    right = ((scored.probabilities >= limits) == (scored.targets == 1))[:, _FLAGGING_COLUMNS].all(axis=1)
    members: dict[str, list[int]] = {}
    for row, group in enumerate(scored.groups):
        if "-p" in group:
            members.setdefault(group, []).append(row)
    complete = [rows for rows in members.values() if len(rows) == 2]  # a member may have been dropped as a near-copy
    ordered = [
        (scored.probabilities[one, column] - scored.probabilities[other, column])
        * (scored.targets[one, column] - scored.targets[other, column])
        > 0
        for one, other in complete
        for column in _FLAGGING_COLUMNS
        if scored.targets[one, column] != scored.targets[other, column]
    ]
    return {
        "twins/pairs": float(len(complete)),
        "twins/both_right": float(np.mean([right[rows].all() for rows in complete])) if complete else 0.0,
        "twins/ordered": float(np.mean(ordered)) if ordered else 0.0,
    }


def _label_metrics(
    scored: Scored, rows: npt.NDArray[np.bool_], limits: Floats, prefix: str, seed: int
) -> dict[str, float]:
    metrics: dict[str, float] = {}
    f1s: list[float] = []
    for column, label in enumerate(LABELS):
        known = rows & (scored.targets[:, column] >= 0)
        truth, values = scored.targets[known, column], scored.probabilities[known, column]
        positives = int(truth.sum())
        if min(positives, len(truth) - positives) < MIN_CLASS_ROWS:
            continue
        given = (values >= limits[column]).astype(np.int64)
        low, high = f1_interval(truth, given, seed)
        found = {
            "rows": len(truth),
            "positives": positives,
            "f1": f1_score(truth, given, zero_division=0),
            "f1_low": low,
            "f1_high": high,
            "macro_f1": f1_score(truth, given, average="macro", labels=[0, 1], zero_division=0),
            "precision": precision_score(truth, given, zero_division=0),
            "recall": recall_score(truth, given, zero_division=0),
            "average_precision": average_precision_score(truth, values),
            "roc_auc": roc_auc_score(truth, values),
            "calibration_error": calibration_error(values, truth),
        }
        f1s.append(float(found["f1"]))
        metrics |= {f"{prefix}/{label}/{name}": float(value) for name, value in found.items()}
    if len(f1s) == len(LABELS):
        metrics[f"{prefix}/macro/f1"] = float(np.mean(f1s))
    return metrics


def _false_alarms(scored: Scored, rows: npt.NDArray[np.bool_], limits: Floats, prefix: str) -> dict[str, float]:
    calm = rows & ~(scored.targets == 1)[:, _FLAGGING_COLUMNS].any(axis=1)  # a few sober sentences do carry a label
    flagged = (scored.probabilities[calm] >= limits)[:, _FLAGGING_COLUMNS].any(axis=1)
    return {f"{prefix}/flagged_per_1000": 1000.0 * float(flagged.mean()), f"{prefix}/rows": float(calm.sum())}


def summary_lines(metrics: dict[str, float], sources: Sequence[str] | None = None) -> list[str]:
    """Readable lines: every source over all languages, then the languages of the regional corpus."""
    lines = []
    for key in sorted(metrics):
        if key.startswith((_BASELINE, "twins/")):
            continue
        source, lang, label, *rest = key.split("/")
        if rest == ["f1"] and label in LABELS and (sources is None or source in sources):
            base = f"{source}/{lang}/{label}"
            lines.append(
                f"{source:24} {lang:8} {label:12} n={metrics[base + '/rows']:.0f} "
                f"pos={metrics[base + '/positives']:.0f} "
                f"F1 {metrics[key]:.3f} [{metrics[base + '/f1_low']:.3f}, {metrics[base + '/f1_high']:.3f}] "
                f"P {metrics[base + '/precision']:.3f} R {metrics[base + '/recall']:.3f} "
                f"macro {metrics[base + '/macro_f1']:.3f} AUC {metrics[base + '/roc_auc']:.3f} "
                f"ECE {metrics[base + '/calibration_error']:.3f}"
            )
        elif label == "flagged_per_1000":
            lines.append(
                f"{source:24} {lang:8} flagged {metrics[key]:.1f} of 1,000 (n={metrics[f'{source}/{lang}/rows']:.0f})"
            )
        elif label == "macro" and rest == ["f1"]:
            lines.append(f"{source:24} {lang:8} macro-F1 of the four labels {metrics[key]:.3f}")
    if "twins/pairs" in metrics:
        lines.append(
            f"near-twin pairs ({metrics['twins/pairs']:.0f}): both right {metrics['twins/both_right']:.3f}, "
            f"in order {metrics['twins/ordered']:.3f}"
        )
    if ngrams := {
        key.removeprefix("baseline/"): value for key, value in metrics.items() if key.startswith("baseline/")
    }:
        lines += [f"n-grams: {line}" for line in summary_lines(ngrams, sources)]
    return lines
