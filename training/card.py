"""The model card, generated from the run: nothing in it is typed by hand but what no run can know."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from tocsin.model.checkpoint import Description
from tocsin.training.adapters import CorpusCard, catalogue
from tocsin.training.evaluate import BASELINE

KNOWN_FAILURES = "known_failures.md"  # beside the weights: what reading errors by hand has shown


@dataclass(frozen=True, slots=True)
class Measured:
    """A report as ``tocsin evaluate`` saved it."""

    model: str
    facts: dict[str, str]
    metrics: dict[str, float]

    @property
    def split(self) -> str:
        """Which rows were measured: validation, test or all."""
        return self.facts.get("split", "all")


def read_report(path: Path) -> Measured:
    """A saved report; ValueError when the file is none."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a report at {path}, found none; make it with 'tocsin evaluate'")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Measured(values["model"], values["facts"], values["metrics"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"expected a report of 'tocsin evaluate' in {path}, found {error}") from error


def model_card(folder: Path, description: Description, reports: Sequence[Measured]) -> str:
    """Markdown with the hub's metadata, use, limits, data with licences, figures with intervals, and known failures.

    The data are those of the run and of every run that it started from. ValueError when a report is of another model:
    a card must not mix figures.
    """
    expected = f"@{description.fingerprint}"
    for report in reports:
        if not report.model.endswith(expected):
            raise ValueError(f"expected reports of the model {expected}, found one of {report.model}; evaluate again")
    # The output is Markdown and every value is our own, so nothing is escaped.
    environment = Environment(  # noqa: S701
        loader=PackageLoader("tocsin.training", "pages"), trim_blocks=True, lstrip_blocks=True
    )
    names = trained_on(description.training)
    sources = {key: card for key, card in catalogue().items() if key in names}
    failures = folder / KNOWN_FAILURES
    return environment.get_template("card.md.j2").render(
        name=folder.name,
        model=description,
        languages=languages(sources),
        sources=sources,
        own=sorted(names - set(sources)),
        reports=[(report, list(label_rows(report.metrics))) for report in reports],
        sober=lambda report: list(sober_rows(report.metrics)),
        by_language=lambda report: dict(language_rows(report.metrics)),
        failures=failures.read_text(encoding="utf-8").strip() if failures.is_file() else "",
    )


def trained_on(training: Mapping[str, Any]) -> set[str]:
    """Names of the sources of a run and of those that it started from."""
    names = set(training.get("sources", {}))
    return names | (trained_on(training["parent"]) if training.get("parent") else set())


def languages(sources: Mapping[str, CorpusCard]) -> list[str]:
    """BCP 47 primary subtags of every language that a source teaches."""
    tags = {lang.split("-")[0] for card in sources.values() for lang in card.languages}
    return sorted(tags)


def label_rows(metrics: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """A row for each source and label over all languages, with the n-grams' F1 and AUC beside."""
    for key in sorted(metrics):
        base = key.removesuffix("/f1_low")
        if key.startswith(BASELINE) or base == key or f"{base}/rows" not in metrics:
            continue
        source, lang, label = base.split("/")
        if lang == "all":
            names = ("rows", "positives", "precision", "recall", "f1", "f1_low", "f1_high", "roc_auc")
            values = {name: metrics[f"{base}/{name}"] for name in (*names, "average_precision", "calibration_error")}
            ngrams = {f"ngrams_{name}": metrics.get(f"{BASELINE}{base}/{name}") for name in ("f1", "roc_auc")}
            yield {"source": source, "label": label} | values | ngrams


def sober_rows(metrics: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Source, sentences and flagged in 1,000, for every source that is presumed calm."""
    for key, value in sorted(metrics.items()):
        if key.endswith("/all/flagged_per_1000") and not key.startswith(BASELINE):
            source = key.split("/")[0]
            yield source, metrics[f"{source}/all/rows"], value


def language_rows(metrics: Mapping[str, float], source: str = "tocsin-regional") -> Iterator[tuple[str, float]]:
    """Language and macro-F1 of the focus source."""
    for key, value in sorted(metrics.items()):
        if key.startswith(f"{source}/") and key.endswith("/macro/f1"):
            yield key.split("/")[1], value
