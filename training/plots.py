"""Plots of a scored data set as SVG to put inside a page; drawn in the page's text colour, so light and dark both work.

Functions that draw one panel a label return one SVG a label, in the order of the labels, so that a page can wrap them.
Line styles or outlines repeat whatever colour tells.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve

from tocsin.training.scored import Scored

BINS = 10  # of the reliability curves
MIN_KIND_ROWS = 5
BLUE, VERMILLION = "#0072B2", "#D55E00"  # Okabe and Ito 2008 (jfly.uni-koeln.de/color): seen on both grounds
_INK = "#010203"  # replaced by the page's text colour
_PANEL_INCHES = (2.9, 2.9)
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "text.parse_math": False,  # names from data may hold "$"
    "font.size": 9,
    "axes.titlesize": 10,
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK),
}
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # a date would make every file differ
_COUNTED_ID = re.compile(r' id="[\w.]+_\d+"')  # "axes_1": nothing refers to them, and they repeat in every plot
Draw = Callable[[Figure, str], str]  # draws the panel of a label and returns its description


def precision_recall(scored: Scored, baseline: Scored | None) -> list[str]:
    """Precision against recall, with the base rate and, where there is one, the n-gram baseline."""

    def draw(figure: Figure, label: str) -> str:
        axes = figure.add_subplot(title=label, xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.03))
        for name, rows, line, colour in (("classifier", scored, "-", BLUE), ("n-grams", baseline, "--", VERMILLION)):
            if rows is not None and not _lack(rows, label):
                values, truth = rows.known(label)
                precision, recall, _ = precision_recall_curve(truth, values, drop_intermediate=True)
                named = f"{name}, AP {average_precision_score(truth, values):.2f}"
                axes.plot(recall, precision, line, color=colour, drawstyle="steps-post", label=named)
        rate = float(scored.known(label)[1].mean())
        axes.axhline(rate, linestyle=":", color=_INK, label=f"base rate {rate:.2f}")
        return _legend(figure)

    return _panels("Precision against recall", scored.labels, draw, scored)


def reliability(scored: Scored) -> list[str]:
    """Share of positives against mean probability in equal-width bins, and under it how many rows each bin holds."""

    def draw(figure: Figure, label: str) -> str:
        probabilities, truth = scored.known(label)
        figure.set_size_inches(2.9, 3.7)
        axes, bars = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        axes.set(title=label, ylabel="share of positives", xlim=(0, 1), ylim=(0, 1.03))
        bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
        counts = np.bincount(bins, minlength=BINS)
        filled = counts > 0
        mean, share = (np.bincount(bins, values, BINS)[filled] / counts[filled] for values in (probabilities, truth))
        axes.plot(mean, share, "o-", color=BLUE, label="classifier", clip_on=False)
        axes.plot([0, 1], [0, 1], ":", color=_INK, label="perfect calibration")
        centres = (np.arange(BINS) + 0.5) / BINS
        bars.bar(centres, counts, width=0.8 / BINS, color=BLUE)
        for centre, count in zip(centres[filled], counts[filled], strict=True):
            bars.text(centre, count * 1.3, _short(count), ha="center", fontsize=6)
        bars.set(xlabel="probability", ylabel="rows", yscale="log", ylim=(0.5, counts.max() * 9))
        bars.tick_params(axis="y", which="both", left=False, labelleft=False)
        bars.spines["left"].set_visible(False)
        _legend(figure)
        points = zip(share, counts[filled], mean, strict=True)
        return ", ".join(f"{part:.2f} of {count} at {at:.2f}" for part, count, at in points)

    return _panels("Reliability", scored.labels, draw, scored)


def per_language_bars(metrics: Mapping[str, float], source: str, labels: Sequence[str]) -> list[str]:
    """F1 of each language of a source with its 95% interval, from keys "source/language/label/metric"."""

    def draw(figure: Figure, label: str) -> str:
        keys = sorted(key.removesuffix("/f1") for key in fnmatch.filter(metrics, f"{source}/*/{label}/f1"))
        if not keys:
            return _say(figure, label, "no language with enough rows")
        axes = figure.add_subplot(title=label, xlabel="F1 and 95% interval", xlim=(0, 1))
        for row, key in enumerate(keys):
            f1 = metrics[f"{key}/f1"]
            low, high = metrics.get(f"{key}/f1_low", f1), metrics.get(f"{key}/f1_high", f1)
            axes.barh(row, f1, height=0.6, color=BLUE)
            axes.plot([low, high], [row, row], "-|", color=_INK, markersize=7)
            axes.text(1.03, row, f"{f1:.2f}", va="center")
        counts = [f" ({_short(metrics[f'{key}/positives'])})" if f"{key}/positives" in metrics else "" for key in keys]
        axes.set_yticks(range(len(keys)), [key.split("/")[1] + count for key, count in zip(keys, counts, strict=True)])
        axes.invert_yaxis()
        return ", ".join(f"{key.split('/')[1]} {metrics[f'{key}/f1']:.2f}" for key in keys)

    return _panels("F1 by language", labels, draw)


def score_histograms(scored: Scored, thresholds: Mapping[str, float] | None = None) -> list[str]:
    """How many positives and negatives got which probability, on a log scale, and the threshold if one is given."""

    def draw(figure: Figure, label: str) -> str:
        axes = figure.add_subplot(title=label, xlabel="probability", ylabel="rows (log)", xlim=(0, 1))
        probabilities, truth = scored.known(label)
        edges = np.linspace(0, 1, 2 * BINS + 1)
        for name, value, line, colour in (("negatives", 0, "--", VERMILLION), ("positives", 1, "-", BLUE)):
            counts, _ = np.histogram(probabilities[truth == value], edges)
            axes.stairs(counts, edges, color=colour, linestyle=line, linewidth=1.5, label=f"{counts.sum()} {name}")
        if limit := (thresholds or {}).get(label):
            axes.axvline(limit, linestyle="-.", linewidth=1, color=_INK, label=f"threshold {limit:.2f}")
        axes.set(yscale="log", ylim=(0.5, None))
        axes.yaxis.set_major_formatter("{x:,.0f}")  # powers would need the mathematical text that is off
        axes.yaxis.set_minor_formatter("")
        return _legend(figure)

    return _panels("Probabilities", scored.labels, draw, scored)


def kinds_confusion(scored: Scored, thresholds: Mapping[str, float]) -> str:
    """Share of each kind's rows that got each label; cells of labels that most rows do carry are outlined.

    Kinds with the same true labels stand together; kinds with few rows are left out.
    """
    rows = {kind: scored.kinds == kind for kind in sorted(set(scored.kinds.tolist())) if kind}
    rows = {kind: mask for kind, mask in rows.items() if mask.sum() >= MIN_KIND_ROWS}
    true = {kind: (scored.targets[mask] == 1).mean(axis=0) >= 0.5 for kind, mask in rows.items()}
    kinds = sorted(rows, key=lambda kind: ((~true[kind]).tolist(), kind))
    given = scored.reached(dict(thresholds))

    def draw(figure: Figure, title: str) -> str:
        if not kinds:
            return _say(figure, title, f"no kind with at least {MIN_KIND_ROWS} rows")
        figure.set_size_inches(3.7, 1.0 + 0.21 * len(kinds))
        axes = figure.add_subplot(xlim=(-0.5, len(scored.labels) - 0.5), ylim=(len(kinds) - 0.5, -0.5))
        for row, kind in enumerate(kinds):
            for column, share in enumerate(given[rows[kind]].mean(axis=0)):
                edge = _INK if true[kind][column] else "none"
                axes.barh(row, 0.9, left=column - 0.45, height=0.82, color=(BLUE, 0.7 * share), edgecolor=edge)
                alpha = 1 if share else 0.6  # so that the eye finds what is not zero
                axes.text(column, row, f"{share:.2f}", ha="center", va="center_baseline", fontsize=8, alpha=alpha)
        axes.set_yticks(range(len(kinds)), [f"{kind} ({rows[kind].sum()})" for kind in kinds])
        axes.set_xticks(range(len(scored.labels)), scored.labels, rotation=30, ha="left", rotation_mode="anchor")
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        return f"{len(kinds)} kinds against {', '.join(scored.labels)}"

    return _panels("Share of rows that got a label", ["kinds"], draw)[0]


def _panels(name: str, labels: Sequence[str], draw: Draw, scored: Scored | None = None) -> list[str]:
    """SVG of one figure a label; with ``scored``, a label whose rows are not of both kinds gets one that says so."""
    panels = []
    for label in labels:
        lack = _lack(scored, label) if scored is not None else ""
        # All plots of a page share one namespace, so ids are salted with the names.
        with mpl.rc_context(_STYLE | {"svg.hashsalt": f"{name} {label}"}):
            figure = Figure(figsize=_PANEL_INCHES, layout="constrained")
            said = _say(figure, label, lack) if lack else draw(figure, label)
            buffer = StringIO()
            figure.savefig(buffer, format="svg", transparent=True, metadata=_NO_METADATA)
        body = buffer.getvalue().partition("<svg")[2]
        body = _COUNTED_ID.sub("", body).replace(_INK, "currentColor")
        panels.append(f'<svg role="img" aria-label="{escape(f"{name}, {label}: {said}")}"{body}')
    return panels


def _lack(scored: Scored, label: str) -> str:
    """What is missing to draw a label's panel; "" if nothing is."""
    missing = [name for name, value in (("positive", 1), ("negative", 0)) if value not in scored.known(label)[1]]
    return f"no {' and no '.join(missing)} rows" if missing else ""


def _say(figure: Figure, title: str, message: str) -> str:
    axes = figure.add_subplot(title=title, xticks=[], yticks=[])
    axes.text(0.5, 0.5, message, ha="center", va="center")
    return message


def _legend(figure: Figure) -> str:
    """Add a legend under the panel, where it hides nothing, and return what it says."""
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", fontsize=8)
    return ", ".join(map(str, names))


def _short(count: float) -> str:
    return f"{count:.0f}" if count < 10_000 else f"{count / 1000:.0f}k"
