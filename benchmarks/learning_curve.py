"""How much does more of the regional corpus help, and how much do the public corpora?

python benchmarks/learning_curve.py --public runs/public --out runs/curve

Trains an eighth, a quarter, a half and all of the corpus, from the base and from weights of the public corpora, and
writes curve.json (average precision and F1 by label and language on validation rows) and curve.svg. A point that stands
in curve.json is not trained again. About an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from tocsin.training.config import load_config
from tocsin.training.evaluate import label_metrics
from tocsin.training.mixture import build_mixture
from tocsin.training.run import train
from tocsin.training.scored import score_rows

FRACTIONS = (0.125, 0.25, 0.5, 1.0)
CONFIG = Path(__file__).with_name("learning_curve.toml")
SOURCE = "tocsin-regional"


def main(argv: Sequence[str] | None = None) -> int:
    """Train the points that are missing, and plot all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--public", type=Path, help="checkpoint of public.toml; without it only from the base")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fractions", type=float, nargs="*", default=FRACTIONS)
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "curve.json"
    points: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.is_file() else {}
    for start in (None, *([options.public] if options.public else [])):
        for fraction in options.fractions:
            name = f"{'public' if start else 'base'}/{fraction:g}"
            if name not in points:
                points[name] = point(fraction, start, options.out / name.replace("/", "-"))
                path.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    plot(points, options.out / "curve.svg")
    return 0


def point(fraction: float, start: Path | None, out: Path) -> dict[str, float]:
    """Metrics on all validation rows of the corpus after training on a fraction of it."""
    overrides = [f"sources.{SOURCE}.fraction={fraction}"]
    overrides += [f"start_from={start.resolve()}"] if start else []
    config = load_config(CONFIG, overrides)
    classifier = train(config, out)
    mixture = build_mixture(config)
    rows = mixture.validation.select([i for i, source in enumerate(mixture.validation["source"]) if source == SOURCE])
    scored = score_rows(classifier, rows, config.labels)
    metrics = {"rows": float(sum(source == SOURCE for source in mixture.train["source"]))}
    for lang in ("all", *sorted(set(scored.langs))):
        part = scored if lang == "all" else scored.take(scored.langs == lang)
        metrics |= label_metrics(part, classifier.thresholds, lang, intervals=False)
    return metrics


def plot(points: dict[str, dict[str, float]], path: Path) -> None:
    """Macro average precision and macro-F1 against training rows, one line a starting point."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), ("average_precision", "f1"), strict=True):
        for start, style in (("base", "o--"), ("public", "s-")):
            chosen = sorted((p["rows"], macro(p, metric)) for name, p in points.items() if name.startswith(start))
            if chosen:
                axes.plot(*zip(*chosen, strict=True), style, label=f"from the {start} weights")
        axes.set(xscale="log", xlabel="training sentences of the regional corpus", ylabel=f"macro {metric}")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path)


def macro(metrics: dict[str, float], metric: str) -> float:
    """Mean over the labels, all languages together."""
    keys = [key for key in metrics if key.startswith("all/") and key.endswith(f"/{metric}") and "macro" not in key]
    values = [metrics[key] for key in keys]
    return sum(values) / max(len(values), 1)


if __name__ == "__main__":
    sys.exit(main())
