"""Markdown tables of a test report, for README.md and docs/experiments.md: no figure there is typed by hand.

python benchmarks/report_tables.py runs/test.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Metrics = Mapping[str, float]

OWN, OWN_LANGS = "tocsin-regional", ("en", "bs", "cnr", "hr", "mk", "sq", "sr-Cyrl", "sr-Latn")
LABELS = ("divisive", "escalatory", "manipulative", "conciliatory")
SHOWN = (
    *((OWN, label) for label in LABELS),
    ("serbian-hate", "divisive"), ("polar", "divisive"), ("gahd-de", "divisive"), ("multitarget-conan", "divisive"),
    ("slavic-persuasion", "manipulative"), ("unlp2025", "manipulative"), ("threatgram101", "escalatory"),
    ("germeval", "escalatory"),
)  # fmt: skip
SOBER = ("regional-news-ud", "osce-trilingual", "parlasent-bcs")
POLAR_LANGS = ("de", "en", "es", "it", "pl", "ru", "tr")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables of one report."""
    (path,) = sys.argv[1:] if argv is None else argv
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    metrics: Metrics = report["metrics"]
    sys.stdout.write(f"{report['model']}, {report['facts']}\n\n")
    for table in (targets, sources, sober, by_language, invariance, articles):
        sys.stdout.write("\n".join(table(metrics)) + "\n\n")
    return 0


def targets(metrics: Metrics) -> Iterator[str]:
    """What is asked of the shipped weights, and what was found."""
    langs = {lang: metrics[f"{OWN}/{lang}/macro/f1"] for lang in OWN_LANGS}
    worst = min(langs, key=lambda lang: langs[lang])
    ece = max(metrics[f"{OWN}/all/{label}/calibration_error"] for label in LABELS)
    rows = [metrics[f"{source}/all/rows"] for source in SOBER]
    rates = [metrics[f"{source}/all/flagged_per_1000"] for source in SOBER]
    news = sum(n * rate for n, rate in zip(rows[:2], rates[:2], strict=True)) / sum(rows[:2])
    polar, own = (mean(metrics, name) for name in ("macro_f1", "own_macro_f1"))
    hate, hate_own = (
        metrics["serbian-hate/all/divisive/macro_f1"],
        metrics["serbian-hate/sr-Latn/divisive/own_macro_f1"],
    )
    slavic = {lang: metrics[f"slavic-persuasion/{lang}/manipulative/roc_auc"] for lang in ("bg", "pl", "ru")}
    countered = metrics["multitarget-conan/all/countered/both_right"]
    gap = metrics["fairness/divisive/gap"]
    script, moved = metrics["invariance/script/labels_equal"], metrics["invariance/script/mean_gap"]
    named = metrics["probe/identity/flagged"]
    yield "| on (test parts) | asked | found | |\n|---|---|---|---|"
    yield row("regional corpus, macro-F1", "at least 0.85", two(value := metrics[f"{OWN}/all/macro/f1"]), value >= 0.85)
    yield row("no language below", "0.80", f"{two(langs[worst])} ({worst})", langs[worst] >= 0.80)
    yield row("twin pairs both right", "at least 0.75", two(value := metrics["twins/both_right"]), value >= 0.75)
    yield row("ECE a label", "at most 0.05", f"at most {ece:.3f}", ece <= 0.05)
    found = f"{news:.1f} (regional-news-ud {rates[0]:.1f}, OSCE {rates[1]:.1f})"
    yield row("sober news, flagged in 1,000", "at most 3", found, news <= 3.0)
    yield row("parlasent-bcs, flagged among unlabelled", "at most 3%", f"{rates[2] / 10:.1f}%", rates[2] <= 30.0)
    yield row("polar, mean macro-F1 of 7 languages", "at least 0.75", two(polar), polar >= 0.75)
    yield row("the same with the threshold of each language's own validation rows", "", two(own), None)
    found = f"{two(hate)} (own threshold, sr-Latn: {two(hate_own)})"
    yield row("serbian-hate, macro-F1", "at least 0.85", found, hate >= 0.85)
    found = ", ".join(f"{lang} {value:.3f}" for lang, value in slavic.items())
    yield row("slavic-persuasion, ROC AUC a language", "at least 0.80", found, min(slavic.values()) >= 0.80)
    found = f"{two(countered)} ({metrics['multitarget-conan/all/countered/pairs']:.0f} pairs)"
    yield row("multitarget-conan, claim flagged and answer not", "at least 0.93", found, countered >= 0.93)
    found = f"{script:.1%}, {moved:.4f}"
    yield row(
        "Serbian Latin against Cyrillic: labels equal, mean gap", "98%, 0.03", found, script >= 0.98 and moved <= 0.03
    )
    yield row("neutral sentences with a group's name, flagged", "at most 1%", f"{named:.1%}", named <= 0.01)
    yield row("worst subgroup ROC AUC (divisive) against all", "within 0.05", f"{gap:.3f} below", gap <= 0.05)


def sources(metrics: Metrics) -> Iterator[str]:
    """Every source and label that README.md shows, with the n-grams beside."""
    yield (
        "| test part | label | sentences | positive | precision | recall | F1 (interval) | ROC AUC | ECE | n-grams F1 "
        "| AUC |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for source, label in SHOWN:
        base = f"{source}/all/{label}"
        value = {key.removeprefix(f"{base}/"): number for key, number in metrics.items() if key.startswith(f"{base}/")}
        yield (
            f"| {source} | {label} | {value['rows']:,.0f} | {value['positives']:,.0f} | {value['precision']:.2f} | "
            f"{value['recall']:.2f} | {value['f1']:.2f} ({value['f1_low']:.2f}\u2013{value['f1_high']:.2f}) | "
            f"{value['roc_auc']:.2f} | {value['calibration_error']:.3f} | "
            f"{metrics.get(f'baseline/{base}/f1', float('nan')):.2f} | "
            f"{metrics.get(f'baseline/{base}/roc_auc', float('nan')):.2f} |"
        )


def sober(metrics: Metrics) -> Iterator[str]:
    """False alarms on sober text."""
    yield "| sober text, test part | sentences | flagged in 1,000 |\n|---|---|---|"
    for source in SOBER:
        yield f"| {source} | {metrics[f'{source}/all/rows']:,.0f} | {metrics[f'{source}/all/flagged_per_1000']:.1f} |"


def by_language(metrics: Metrics) -> Iterator[str]:
    """Macro-F1 of the regional corpus."""
    yield "| language | macro-F1 |\n|---|---|"
    for lang in ("all", *OWN_LANGS):
        yield f"| {lang} | {two(metrics[f'{OWN}/{lang}/macro/f1'])} |"


def invariance(metrics: Metrics) -> Iterator[str]:
    """Harmless rewriting."""
    yield "| harmless rewriting of test sentences | sentences | labels equal | mean movement |\n|---|---|---|---|"
    names = sorted({key.split("/")[1] for key in metrics if key.startswith("invariance/")})
    for name in names:
        base = f"invariance/{name}"
        values = (metrics[f"{base}/rows"], metrics[f"{base}/labels_equal"], metrics[f"{base}/mean_gap"])
        yield f"| {name} | {values[0]:.0f} | {values[1]:.1%} | {values[2]:.3f} |"


def articles(metrics: Metrics) -> Iterator[str]:
    """Ways to make an article's score."""
    yield "| article score | with a flagging label, flagged | calm, flagged |\n|---|---|---|"
    for key in sorted(metrics):
        if key.startswith("articles/") and key.endswith("/calm_flagged"):
            name = key.split("/")[1]
            loud = [
                value
                for other, value in metrics.items()
                if other.startswith(f"articles/{name}/") and "_flagged" in other
            ]
            yield f"| {name} | {max(loud):.2f} | {metrics[key]:.3f} |"


def mean(metrics: Metrics, name: str) -> float:
    """Mean over polar's languages."""
    return sum(metrics[f"polar/{lang}/divisive/{name}"] for lang in POLAR_LANGS) / len(POLAR_LANGS)


def two(value: float) -> str:
    """Two decimals."""
    return f"{value:.2f}"


def row(what: str, asked: str, found: str, reached: bool | None) -> str:
    """A line of the table of targets."""
    verdict = "" if reached is None else "reached" if reached else "**missed**"
    return f"| {what} | {asked} | {found} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
