"""Metrics of scored rows by label, language and slice, with counts and bootstrap intervals: a flat dict.

Keys are "source/language/label/metric"; "all" stands for every language of a source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tocsin.model.script import main_script
from tocsin.training.bootstrap import intervals_of
from tocsin.training.calibrate import best_macro_f1_threshold
from tocsin.training.sampling import is_pair
from tocsin.training.scored import Floats, Ints, Mask, Scored

SOBER_SOURCES = frozenset({"regional-news-ud", "osce-trilingual"})
PRESUMED_CALM_SOURCES = SOBER_SOURCES | {"parlasent-bcs"}
MIN_CLASS_ROWS = 10  # positives and negatives that a slice needs before it is reported
CALIBRATION_BINS = 10
BASELINE = "baseline/"  # before the keys of the n-grams that stand beside a classifier
LENGTHS = ((12, "under 12 words"), (23, "12 to 22 words"), (10**6, "over 22 words"))


def evaluate(scored: Scored, thresholds: Mapping[str, float], *, focus: str) -> dict[str, float]:
    """Metrics of every source and language, false alarms on calm sources, and slices and twins of the focus source."""
    metrics: dict[str, float] = {}
    for source in sorted(set(scored.sources)):
        of_source = scored.take(scored.sources == source)
        for lang in ["all", *sorted(set(of_source.langs))]:
            part = of_source if lang == "all" else of_source.take(of_source.langs == lang)
            metrics |= label_metrics(part, thresholds, f"{source}/{lang}")
            if source in PRESUMED_CALM_SOURCES:
                metrics |= false_alarms(part, thresholds, f"{source}/{lang}")
            metrics |= countered(part, thresholds, f"{source}/{lang}")
    centre = scored.take(scored.sources == focus) if (scored.sources == focus).any() else scored
    return metrics | slices(centre, thresholds) | kinds(centre, thresholds) | twins(centre, thresholds)


def label_metrics(
    scored: Scored, thresholds: Mapping[str, float], prefix: str, *, intervals: bool = True
) -> dict[str, float]:
    """Metrics of each label; labels with few rows of either class are left out rather than reported as noise.

    F1, precision and recall use the thresholds. "macro/f1" is the mean over the labels, given only when none is left
    out. ``f1_low`` and ``f1_high`` and so on bound 95% intervals (see bootstrap.py).
    """
    metrics: dict[str, float] = {}
    f1s: dict[str, float] = {}
    for label in scored.labels:
        values, truth = scored.known(label)
        positives = int(truth.sum())
        if min(positives, len(truth) - positives) < MIN_CLASS_ROWS:
            continue
        given = (values >= thresholds[label]).astype(np.int64)
        found = {
            "rows": len(truth),
            "positives": positives,
            "f1": f1_score(truth, given, zero_division=0),
            "macro_f1": f1_score(truth, given, average="macro", labels=[0, 1], zero_division=0),
            "precision": precision_score(truth, given, zero_division=0),
            "recall": recall_score(truth, given, zero_division=0),
            "average_precision": average_precision_score(truth, values),
            "roc_auc": roc_auc_score(truth, values),
            "calibration_error": calibration_error(values, truth),
            "brier": brier_score_loss(truth, values),
        }
        f1s[label] = float(found["f1"])
        metrics |= {f"{prefix}/{label}/{name}": float(value) for name, value in found.items()}
    if len(f1s) == len(scored.labels):
        metrics[f"{prefix}/macro/f1"] = float(np.mean(list(f1s.values())))
    if intervals and f1s:
        bounds = intervals_of(scored, thresholds, tuple(f1s))
        metrics |= {f"{prefix}/{name}": value for name, value in bounds.items()}
    return metrics


def at_own_thresholds(scored: Scored, validation: Scored) -> dict[str, float]:
    """Macro-F1 of each source, language and label with the threshold that its own validation rows would choose.

    Keys are "source/language/label/own_threshold" and ".../own_macro_f1". News thresholds find little in posts and
    comments; this says what a threshold for their register would find. Slices with few validation rows are left out.
    """
    metrics: dict[str, float] = {}
    for source, lang in sorted(set(zip(scored.sources, scored.langs, strict=True))):
        part, deciding = (rows.take((rows.sources == source) & (rows.langs == lang)) for rows in (scored, validation))
        for label in scored.labels:
            (values, truth), (seen, known) = part.known(label), deciding.known(label)
            if min(known.sum(), (1 - known).sum(), truth.sum(), (1 - truth).sum()) < MIN_CLASS_ROWS:
                continue
            limit = best_macro_f1_threshold(seen, known)
            metrics[f"{source}/{lang}/{label}/own_threshold"] = limit
            metrics[f"{source}/{lang}/{label}/own_macro_f1"] = float(
                f1_score(truth, values >= limit, average="macro", labels=[0, 1], zero_division=0)
            )
    return metrics


def headline(metrics: Mapping[str, float]) -> dict[str, float]:
    """What a comparison of runs looks at first: F1, average precision and ROC AUC of each label, and macro-F1."""
    return {k: v for k, v in metrics.items() if k.rsplit("/", 1)[-1] in ("f1", "average_precision", "roc_auc")}


def calibration_error(probabilities: Floats, truth: Ints) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015): mean gap weighted by bin size."""
    bins = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        abs(probabilities[bins == number].mean() - truth[bins == number].mean()) * (bins == number).mean()
        for number in range(CALIBRATION_BINS)
        if (bins == number).any()
    ]
    return float(sum(gaps))


def false_alarms(scored: Scored, thresholds: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Flagged sentences in 1,000 among those that carry no flagging label."""
    calm = scored.take(~scored.flagged(scored.targets == 1))
    if not len(calm):
        return {}
    flagged = calm.flagged(calm.reached(thresholds))
    return {f"{prefix}/flagged_per_1000": 1000.0 * float(flagged.mean()), f"{prefix}/rows": float(len(calm))}


def countered(scored: Scored, thresholds: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Share of claims with an answer that repeats them where the claim is flagged and the answer is not.

    A claim and its answers (kind "counter_speech") share a group; every answer counts once.
    """
    flagged = scored.flagged(scored.reached(thresholds))
    hateful = scored.flagged(scored.targets == 1)
    claims = {group: bool(hit) for group, hit, claim in zip(scored.groups, flagged, hateful, strict=True) if claim}
    right = [
        claims[group] and not hit
        for group, hit, kind in zip(scored.groups, flagged, scored.kinds, strict=True)
        if kind == "counter_speech" and group in claims
    ]
    if len(right) < MIN_CLASS_ROWS:
        return {}
    return {f"{prefix}/countered/pairs": float(len(right)), f"{prefix}/countered/both_right": float(np.mean(right))}


def twins(scored: Scored, thresholds: Mapping[str, float]) -> dict[str, float]:
    """What a scorer makes of near-twin pairs, by keys "twins/…".

    ``both_right`` is the share of pairs whose two members get exactly their flagging labels. ``ordered`` needs no
    threshold: over the flagging labels in which two members differ, how often the one that has it scores higher.
    """
    right = ~scored.flagged(scored.reached(thresholds) != (scored.targets == 1))
    pairs = _pairs(scored)
    ordered = [
        (scored.probabilities[one, column] - scored.probabilities[other, column])
        * (scored.targets[one, column] - scored.targets[other, column])
        > 0
        for one, other in pairs
        for column in scored.flagging
        if scored.targets[one, column] != scored.targets[other, column]
    ]
    return {
        "twins/pairs": float(len(pairs)),
        "twins/both_right": float(np.mean([right[list(pair)].all() for pair in pairs])) if pairs else 0.0,
        "twins/ordered": float(np.mean(ordered)) if ordered else 0.0,
    }


def _pairs(scored: Scored) -> list[tuple[int, int]]:
    members: dict[str, list[int]] = {}
    for row, group in enumerate(scored.groups):
        if is_pair(str(group)):
            members.setdefault(group, []).append(row)
    # A member may have been dropped as a near-copy of a held-out row.
    return [(rows[0], rows[1]) for rows in members.values() if len(rows) == 2]


def slices(scored: Scored, thresholds: Mapping[str, float]) -> dict[str, float]:
    """F1 of each label and macro-F1 by script, length and attribution, keys "slice/…"; thin slices are left out."""
    metrics: dict[str, float] = {}
    for name, rows in _slices(scored):
        found = label_metrics(scored.take(rows), thresholds, f"slice/{name}", intervals=False)
        metrics |= {key: value for key, value in found.items() if key.endswith(("/f1", "/rows", "/positives"))}
    return metrics


def _slices(scored: Scored) -> Iterator[tuple[str, Mask]]:
    scripts = np.array([main_script(text) or "none" for text in scored.texts])
    words = np.array([len(text.split()) for text in scored.texts])
    lengths = np.array([next(name for limit, name in LENGTHS if count < limit) for count in words])
    for dimension, values in (("script", scripts), ("length", lengths), ("attribution", scored.attributions)):
        for value in sorted(set(values) - {""}):
            yield f"{dimension} {value}", values == value


def kinds(scored: Scored, thresholds: Mapping[str, float]) -> dict[str, float]:
    """By kind of text, keys "kind/…": how many rows, the share flagged, and the share with exactly the true labels."""
    metrics: dict[str, float] = {}
    given = scored.reached(thresholds)
    wrong = (given != (scored.targets == 1)) & (scored.targets >= 0)
    right = np.asarray(~wrong.any(axis=1), dtype=np.bool_)
    flagged = scored.flagged(given)
    for kind in sorted(set(scored.kinds) - {""}):
        rows = scored.kinds == kind
        if rows.sum() >= MIN_CLASS_ROWS:
            metrics[f"kind/{kind}/rows"] = float(rows.sum())
            metrics[f"kind/{kind}/flagged"] = float(flagged[rows].mean())
            metrics[f"kind/{kind}/right"] = float(right[rows].mean())
    return metrics


def summary_lines(metrics: Mapping[str, float], labels: Sequence[str]) -> list[str]:
    """Readable lines: labels of every source and language, false alarms, macro-F1, twins; then the n-grams'."""
    lines = []
    for key in sorted(metrics):
        if key.startswith(BASELINE) or key.count("/") < 2:
            continue
        base, metric = key.rsplit("/", 1)
        source, lang = key.split("/")[:2]
        if metric == "f1_low" and f"{base}/rows" in metrics:
            lines.append(
                f"{source:24} {lang:8} {base.split('/')[2]:12} n={metrics[base + '/rows']:.0f} "
                f"pos={metrics[base + '/positives']:.0f} "
                f"F1 {metrics[base + '/f1']:.3f} [{metrics[key]:.3f}, {metrics[base + '/f1_high']:.3f}] "
                f"P {metrics[base + '/precision']:.3f} R {metrics[base + '/recall']:.3f} "
                f"macro {metrics[base + '/macro_f1']:.3f} AUC {metrics[base + '/roc_auc']:.3f} "
                f"ECE {metrics[base + '/calibration_error']:.3f}"
            )
        elif metric == "flagged_per_1000":
            lines.append(f"{source:24} {lang:8} flagged {metrics[key]:.1f} of 1,000 (n={metrics[base + '/rows']:.0f})")
        elif key == f"{source}/{lang}/macro/f1" and source != "slice":
            ends = "/".join(f"{metrics[end]:.3f}" for end in (f"{key}_low", f"{key}_high") if end in metrics)
            lines.append(f"{source:24} {lang:8} macro-F1 of {len(labels)} labels {metrics[key]:.3f} [{ends}]")
    if metrics.get("twins/pairs"):
        lines.append(
            f"near-twin pairs ({metrics['twins/pairs']:.0f}): both right {metrics['twins/both_right']:.3f}, "
            f"in order {metrics['twins/ordered']:.3f}"
        )
    ngrams = {key.removeprefix(BASELINE): value for key, value in metrics.items() if key.startswith(BASELINE)}
    return lines + ([f"n-grams: {line}" for line in summary_lines(ngrams, labels)] if ngrams else [])
