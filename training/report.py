"""Everything that is measured of a model on labelled data, in one flat dict."""

from __future__ import annotations

import dataclasses
import json
import random
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from datasets import Dataset

from tocsin.model import RhetoricClassifier
from tocsin.model.article import prepare
from tocsin.model.languages import code_of
from tocsin.model.model_text import model_text
from tocsin.training.adapters.more import news_agendas
from tocsin.training.articles import Articles, article_metrics, make_articles
from tocsin.training.baseline import NgramBaseline
from tocsin.training.config import TrainConfig, load_config
from tocsin.training.evaluate import BASELINE, PRESUMED_CALM_SOURCES, at_own_thresholds, evaluate
from tocsin.training.example import TEST, UNKNOWN, VALIDATION
from tocsin.training.labelled_files import read_labelled
from tocsin.training.mixture import Mixture, build_mixture, make_dataset
from tocsin.training.report_page import write_page
from tocsin.training.robustness import fairness, invariance, neutral_identity, outlet_names
from tocsin.training.run import thresholds_of
from tocsin.training.sampling import epoch_rows
from tocsin.training.scored import Scored, score_rows

ALL, AGENDAS = "all", "newsagendas"
SPLITS = (VALIDATION, TEST, ALL)
DECIDING_ROWS = 300


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, of what, and the scored rows behind it."""

    model: str
    facts: dict[str, str]
    metrics: dict[str, float]
    scored: Scored
    thresholds: dict[str, float]
    focus: str
    baseline: Scored | None

    def save(self, out: Path) -> None:
        """Write ``out`` with the suffix .json (flat metrics) and, beside it, .html (one self-contained page)."""
        values = {"model": self.model, "facts": self.facts, "metrics": self.metrics}
        out.with_suffix(".json").write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_page(
            out.with_suffix(".html"),
            title=f"Tocsin: {self.model}",
            facts=self.facts,
            metrics=self.metrics,
            scored=self.scored,
            thresholds=self.thresholds,
            baseline=self.baseline,
            focus=self.focus,
        )


def make_report(
    classifier: RhetoricClassifier, data: Path, *, split: str | None = None, baseline: bool = True
) -> Report:
    """Measure a classifier on a configuration's sources, or on a labelled file.

    ``split`` is VALIDATION when not set, for a configuration, and ALL for a file. The n-gram baseline is trained on the
    configuration's training rows and gets thresholds from its validation rows; a file has no training rows, so there is
    no baseline. ValueError for another split.
    """
    if split not in (None, *SPLITS):
        raise ValueError(f"expected split {' or '.join(SPLITS)}, found {split!r}")
    if data.suffix != ".toml":
        rows = file_rows(data, classifier.labels, split or ALL)
        scored = score_rows(classifier, rows, classifier.labels)
        return _report(classifier, scored, {"data": data.name, "split": split or ALL}, focus=data.stem)
    config = _config_of(data, classifier.labels)
    mixture = build_mixture(config)
    chosen = split or VALIDATION
    scored = score_rows(classifier, _part(mixture, chosen), config.labels)
    facts = {"data": data.name, "data SHA-256": mixture.sha256, "split": chosen}
    facts["left out"] = ", ".join(f"{reason}: {count}" for reason, count in mixture.dropped.items())
    ngrams = _ngrams(mixture, config, _part(mixture, chosen)) if baseline else None
    report = _report(classifier, scored, facts, focus=config.calibrate_on, ngrams=ngrams)
    if chosen == TEST:  # on validation rows the same rows would choose and be measured
        report.metrics.update(at_own_thresholds(scored, _deciding(classifier, mixture, config)))
    report.metrics.update(_agendas(classifier, Path(config.corpora), chosen))
    return report


def labelled_rows(data: Path, labels: tuple[str, ...], split: str | None) -> Dataset:
    """Rows of a configuration's split, or of a labelled file."""
    if data.suffix != ".toml":
        return file_rows(data, labels, split or ALL)
    return _part(build_mixture(_config_of(data, labels)), split or VALIDATION)


def file_rows(path: Path, labels: tuple[str, ...], split: str) -> Dataset:
    """Rows of a labelled file, cleaned as the model reads; ValueError when the split holds none."""
    rows = [row for row in read_labelled(path, labels, source=path.stem) if split in (ALL, row.split)]
    if not rows:
        raise ValueError(f"expected rows of the split {split!r} in {path}, found none; pass --split all")
    cleaned = [dataclasses.replace(row, text=model_text(row.text, code_of(row.lang))) for row in rows]
    return make_dataset(cleaned, labels)


def _config_of(data: Path, labels: tuple[str, ...]) -> TrainConfig:
    config = load_config(data)
    if config.labels != labels:
        raise ValueError(f"expected a model of the labels {config.labels} of {data}, found one of {labels}")
    return config


def _agendas(classifier: RhetoricClassifier, corpora: Path, split: str) -> dict[str, float]:
    """Article scores on newsagendas, where that corpus is there; its articles are never trained on."""
    if not (corpora / AGENDAS).is_dir():
        return {}
    sentences, truth = [], []
    for article in news_agendas(corpora):
        found = prepare(article.text, title=article.title, language="en").sentences
        if article.split == split and found:
            sentences.append(classifier.predict_clean([sentence.clean for sentence in found]))
            truth.append([int(getattr(article, label, UNKNOWN)) for label in classifier.labels])
    articles = Articles(classifier.labels, sentences, np.array(truth, dtype=np.int64))
    corrections = dict.fromkeys(classifier.labels, 0.0) | classifier.description.length_corrections
    metrics = article_metrics(articles, classifier.thresholds, corrections)
    return {f"{AGENDAS}/{name}": value for name, value in metrics.items()}


def _part(mixture: Mixture, split: str) -> Dataset:
    if split == ALL:
        raise ValueError("expected split validation or test for a configuration, found 'all'; training rows flatter")
    return mixture.test if split == TEST else mixture.validation


def _deciding(classifier: RhetoricClassifier, mixture: Mixture, config: TrainConfig) -> Scored:
    """Scored validation rows of every source and language, at most DECIDING_ROWS of each, which is enough to choose."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    order = random.Random(config.seed).sample(range(len(mixture.validation)), len(mixture.validation))
    names = list(zip(mixture.validation["source"], mixture.validation["lang"], strict=True))
    for row in order:
        seen[names[row]] += 1
        if seen[names[row]] <= DECIDING_ROWS:
            kept.append(row)
    return score_rows(classifier, mixture.validation.select(sorted(kept)), config.labels)


def _ngrams(mixture: Mixture, config: TrainConfig, rows: Dataset) -> tuple[Scored, dict[str, float]]:
    # The rows of one epoch, as the transformer sees them: with everything, large corpora would drown the others.
    chosen = epoch_rows(list(mixture.train["source"]), config, random.Random(config.seed))
    model = NgramBaseline().fit(mixture.train.select(sorted(set(chosen))))
    thresholds = thresholds_of(score_rows(model, mixture.validation, config.labels), config)
    return score_rows(model, rows, config.labels), thresholds


def _report(
    classifier: RhetoricClassifier,
    scored: Scored,
    facts: dict[str, str],
    *,
    focus: str,
    ngrams: tuple[Scored, dict[str, float]] | None = None,
) -> Report:
    thresholds = classifier.thresholds
    metrics = evaluate(scored, thresholds, focus=focus)
    centre = scored.take(scored.sources == focus) if (scored.sources == focus).any() else scored
    for label in scored.labels:
        if len(np.unique(centre.known(label)[1])) == 2:
            metrics |= fairness(centre, label)
    metrics |= neutral_identity(classifier, thresholds, scored.flagging)
    metrics |= outlet_names(classifier, centre, thresholds)
    metrics |= invariance(classifier, centre, thresholds)
    articles = make_articles(scored.take(np.isin(scored.sources, [focus, *PRESUMED_CALM_SOURCES])))
    if articles.sentences:
        corrections = dict.fromkeys(scored.labels, 0.0) | classifier.description.length_corrections
        metrics |= article_metrics(articles, thresholds, corrections)
    if ngrams:
        metrics |= {f"{BASELINE}{k}": v for k, v in evaluate(ngrams[0], ngrams[1], focus=focus).items()}
    return Report(
        classifier.model_id,
        {"model": classifier.model_id} | facts | _origin(thresholds),
        metrics,
        scored,
        thresholds,
        focus,
        ngrams[0] if ngrams else None,
    )


def _origin(thresholds: Mapping[str, float]) -> dict[str, str]:
    return {
        "thresholds": ", ".join(f"{label} {value:g}" for label, value in thresholds.items()),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
    }


def _commit() -> str:
    """Of the repository that this code stands in."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - fixed arguments
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
