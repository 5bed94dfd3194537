"""A self-contained page of one evaluation: headline figures, languages, plots, calibration and the worst errors.

Texts of other corpora are not ours to pass on: such rows are named by source, group and a hash of the text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader

from tocsin.training import plots
from tocsin.training.example import UNKNOWN
from tocsin.training.scored import Mask, Scored

MAX_ERRORS = 15  # of each sort, a label
_SCORE_COLUMNS = "Label,Rows,Positives,F1,95% interval,AP,ROC AUC,ECE,n-gram F1,n-gram ROC AUC".split(",")
_NGRAMS, _ALARMS = "baseline/", "flagged_per_1000"  # parts of keys
_ABSENT = "–"  # noqa: RUF001 - a dash of the width of a digit


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are printed; the first of a row is its heading."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class WorstError:
    """One row that a label gets wrong; ``text`` is None where it may not be printed."""

    text: str | None
    digest: str  # of the text
    group: str
    lang: str
    source: str
    kind: str
    probability: str
    truth: str


@dataclass(frozen=True, slots=True)
class _Metrics:
    """Metrics by key that remember which were shown, so that the rest can be listed."""

    values: Mapping[str, float]
    shown: set[str] = field(default_factory=set)

    def show(self, key: str, digits: int = 3) -> str:
        self.shown.add(key)
        value = self.values.get(key, math.nan)
        return _ABSENT if math.isnan(value) else f"{value:,.{digits}f}"

    def languages(self, source: str) -> list[str]:
        """Languages of a source with any metric, after "all"."""
        found = {key.split("/")[1] for key in self.values if key.startswith(f"{source}/")}
        return ["all", *sorted(found - {"all"})]


def write_page(
    path: Path,
    *,
    title: str,
    facts: Mapping[str, str],
    metrics: Mapping[str, float],
    scored: Scored,
    thresholds: Mapping[str, float],
    baseline: Scored | None,
    focus: str = "tocsin-regional",
    quote_sources: bool = False,
) -> None:
    """Write the page of an evaluation; plots show the rows of the source ``focus``, all rows if it has none.

    ``metrics`` are as ``evaluate`` gives them, keys "source/language/label/metric"; any may be missing. ``baseline``
    holds the same rows scored by the n-grams. ``quote_sources`` prints the texts of all sources, not only those of
    ``focus``: their licences may forbid passing such a page on. Missing folders of the path are made.
    ValueError when a label has no threshold or the baseline has other labels.
    """
    if missing := [label for label in scored.labels if label not in thresholds]:
        raise ValueError(f"expected a threshold for each of the labels {list(scored.labels)}, found none for {missing}")
    if baseline is not None and baseline.labels != scored.labels:
        raise ValueError(f"expected a baseline with the labels {list(scored.labels)}, found {list(baseline.labels)}")
    found = _Metrics(metrics)
    languages = [(lang, f"{focus}/{lang}") for lang in found.languages(focus) if lang != "all"]  # "all" is a headline
    sources = sorted(set(scored.sources.tolist()), key=lambda source: (source != focus, source))
    shown = _of_source(scored, focus)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, trim_blocks=True
    )
    page = environment.get_template("report.html.j2").render(
        title=title,
        focus=focus,
        shown_source=focus if focus in sources else "all sources",
        facts=Table((), list(facts.items())),
        headline=_scores("Source", [(source, f"{source}/all") for source in sources], scored.labels, found),
        alarms=_alarms(sources, found),
        languages=_scores("Language", languages, scored.labels, found),
        plots={
            "Precision and recall": plots.precision_recall(shown, baseline and _of_source(baseline, focus)),
            "F1 by language": plots.per_language_bars(metrics, focus, scored.labels),
            "Probabilities": plots.score_histograms(shown, thresholds),
            "Kinds": [plots.kinds_confusion(shown, thresholds)],
        },
        calibration=_calibration(focus, thresholds, scored.labels, found),
        reliability=plots.reliability(shown),
        others=_others(found),
        errors=worst_errors(scored, thresholds, None if quote_sources else focus),
        quote_sources=quote_sources,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _of_source(scored: Scored, source: str) -> Scored:
    rows: Mask = scored.sources == source
    return scored.take(rows) if rows.any() else scored


def _scores(heading: str, slices: Iterable[tuple[str, str]], labels: tuple[str, ...], found: _Metrics) -> Table:
    """One row a slice and label, with the n-grams beside; ``slices`` are names and their keys "source/language"."""
    rows = []
    for name, prefix in slices:
        for label in (*labels, "macro"):
            key = f"{prefix}/{label}"
            if f"{key}/f1" not in found.values:
                continue
            counts = (found.show(f"{key}/{metric}", 0) for metric in ("rows", "positives"))
            ends = [found.show(f"{key}/{end}") for end in ("f1_low", "f1_high")]
            interval = _ABSENT if _ABSENT in ends else " to ".join(ends)
            ranks = (found.show(f"{key}/{metric}") for metric in ("average_precision", "roc_auc", "calibration_error"))
            ngrams = (found.show(f"{_NGRAMS}{key}/{metric}") for metric in ("f1", "roc_auc"))
            rows.append((name, label, *counts, found.show(f"{key}/f1"), interval, *ranks, *ngrams))
    return Table((heading, *_SCORE_COLUMNS), rows)


def _alarms(sources: Iterable[str], found: _Metrics) -> Table:
    """How much of calm text is flagged, by source and language."""
    rows: list[tuple[str, ...]] = []
    for key in (f"{source}/{lang}" for source in sources for lang in found.languages(source)):
        if f"{key}/{_ALARMS}" in found.values:
            flagged = (found.show(f"{side}{key}/{_ALARMS}", 1) for side in ("", _NGRAMS))
            rows.append((*key.split("/"), found.show(f"{key}/rows", 0), *flagged))
    return Table(("Source", "Language", "Calm rows", "Flagged of 1,000", "n-grams"), rows)


def _calibration(focus: str, thresholds: Mapping[str, float], labels: tuple[str, ...], found: _Metrics) -> Table:
    rows: list[tuple[str, ...]] = []
    for label in labels:
        errors = (found.show(f"{focus}/all/{label}/{metric}") for metric in ("calibration_error", "brier"))
        rows.append((label, f"{thresholds[label]:.3f}", *errors))
    return Table(("Label", "Threshold", "Calibration error (ECE)", "Brier score"), rows)


def _others(found: _Metrics) -> dict[str, Table]:
    """Every metric that no other table shows, by the first part of its key."""
    groups: dict[str, Table] = {}
    for key in sorted(set(found.values) - found.shown):
        group, _, rest = key.partition("/")
        value = f"{found.values[key]:,.4f}".rstrip("0").removesuffix(".")
        groups.setdefault(group, Table((), [])).rows.append((rest or group, value))
    return groups


def worst_errors(
    scored: Scored, thresholds: Mapping[str, float], quoted: str | None
) -> dict[str, dict[str, list[WorstError]]]:
    """Label -> sort of error -> the rows furthest on the wrong side; all texts are quoted if ``quoted`` is None."""
    found = {}
    given = scored.reached(dict(thresholds))
    for column, label in enumerate(scored.labels):
        order = np.argsort(scored.probabilities[:, column], kind="stable")
        truth, got = scored.targets[order, column], given[order, column]
        sorts = {"False alarms": order[(truth == 0) & got][::-1], "Misses": order[(truth == 1) & ~got]}
        found[label] = {
            sort: [_error(scored, row, column, quoted) for row in rows[:MAX_ERRORS]] for sort, rows in sorts.items()
        }
    return found


def _error(scored: Scored, row: int, column: int, quoted: str | None) -> WorstError:
    text, source = str(scored.texts[row]), str(scored.sources[row])
    targets = zip(scored.labels, scored.targets[row].tolist(), strict=True)
    carried = [label + "?" * (value == UNKNOWN) for label, value in targets if value]
    return WorstError(
        text=text if quoted in (None, source) else None,
        digest=hashlib.sha256(text.encode()).hexdigest()[:12],
        group=str(scored.groups[row]),
        lang=str(scored.langs[row]),
        source=source,
        kind=str(scored.kinds[row]) or _ABSENT,
        probability=f"{scored.probabilities[row, column]:.3f}",
        truth=", ".join(carried) or "none",
    )
