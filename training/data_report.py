"""What ``tocsin data`` says of a mixture: counts, co-occurrence, licences, the identity-word probe, a data card."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tocsin.training.adapters import catalogue
from tocsin.training.config import TrainConfig
from tocsin.training.example import SPLITS, UNKNOWN
from tocsin.training.mixture import Mixture
from tocsin.training.probe import identity_words, probe_label
from tocsin.training.records import SOURCE
from tocsin.training.scored import Ints

MAX_PROBE_AUC = 0.65  # of a mixture; comments under news name groups mostly to attack them
MAX_PROBE_ROWS = 20_000
_UNKNOWN_LICENCE = "not stated: your own file"


def stats_lines(mixture: Mixture) -> Iterator[str]:
    """One line a source and split, then one a training language: rows, and positives of those known for each label."""
    yield f"{'source':24} {'split':10} {'rows':>7}  " + "  ".join(f"{label:>15}" for label in mixture.labels)
    for split in SPLITS:
        rows = getattr(mixture, split)
        sources, targets = np.array(list(rows["source"]), dtype=np.str_), _targets(mixture, split)
        for source in sorted(set(sources)):
            yield _line(source, split, targets[sources == source])
    langs, targets = np.array(list(mixture.train["lang"]), dtype=np.str_), _targets(mixture, "train")
    for lang in sorted(set(langs)):
        yield _line(f"language {lang}", "train", targets[langs == lang])


def check_lines(mixture: Mixture, config: TrainConfig) -> tuple[list[str], list[str]]:
    """Lines for a reviewer, and what must be mended. Leaks need no line here: a mixture with one cannot be built."""
    lines = [*stats_lines(mixture), "", "label co-occurrence (training rows that have both, of rows that know both)"]
    targets = _targets(mixture, "train")
    for one, label in enumerate(mixture.labels):
        cells = []
        for other in range(len(mixture.labels)):
            known = (targets[:, one] != UNKNOWN) & (targets[:, other] != UNKNOWN)
            both = (targets[known, one] == 1) & (targets[known, other] == 1)
            cells.append(f"{both.sum():>6} / {known.sum():<7}")
        lines.append(f"{label:14} " + " ".join(cells))
    lines += ["", "licences", *(f"{name:24} {_licence(name)}" for name in config.sources), ""]
    found, problems = _probe_lines(mixture)
    lines += [f"left out: {reason}: {count}" for reason, count in mixture.dropped.items()]
    for split in SPLITS:
        if not len(getattr(mixture, split)):
            problems.append(f"expected rows in every split, found none in {split}; give rows a split or more groups")
    for column, label in enumerate(mixture.labels):
        if not (targets[:, column] == 1).any() or not (targets[:, column] == 0).any():
            problems.append(f"expected training rows with and without {label}, found one kind only; add the other")
    return [*lines, *found], problems


def data_card(mixture: Mixture, config: TrainConfig) -> str:
    """Markdown: sources with licences and mappings, and the counts."""
    lines = [
        "# Data card",
        "",
        f"Content SHA-256 `{mixture.sha256}`.",
        "",
        "| source | licence | mapping |",
        "|---|---|---|",
    ]
    for name in config.sources:
        card = catalogue().get(name)
        origin = f"[{name}]({card.url})" if card and card.url.startswith("http") else name
        lines.append(f"| {origin} | {_licence(name)} | {card.mapping if card else 'columns of the file'} |")
    lines += [
        "",
        "Rows, and positives of the rows that decide each label:",
        "",
        "```",
        *stats_lines(mixture),
        "```",
        "",
    ]
    lines += [f"Left out: {', '.join(f'{reason} {count}' for reason, count in mixture.dropped.items())}.", ""]
    return "\n".join(lines)


def _probe_lines(mixture: Mixture) -> tuple[list[str], list[str]]:
    """How well words for groups alone rank each label, cross-validated by group, by source."""
    lines, problems = ["ROC AUC of a linear model that sees only words for groups"], []
    sources = np.array(list(mixture.train["source"]), dtype=np.str_)
    for source in sorted(set(sources)):
        chosen = np.flatnonzero(sources == source)[:MAX_PROBE_ROWS]
        part = mixture.train.select(chosen)
        features = [
            {"any sentence": 1.0} | dict.fromkeys(identity_words(text, lang), 1.0)
            for text, lang in zip(part["text"], part["lang"], strict=True)
        ]
        targets, groups = _targets(mixture, "train")[chosen], np.array(list(part["group"]), dtype=np.str_)
        cells = []
        for column, label in enumerate(mixture.labels):
            known = targets[:, column] != UNKNOWN
            truth = targets[known, column]
            if min(truth.sum(), len(truth) - truth.sum()) < 50 or len(set(groups[known])) < 5:
                continue
            value = probe_label([features[row] for row in np.flatnonzero(known)], truth, list(groups[known]))
            cells.append(f"{label} {value:.3f}")
            if source == SOURCE and value > MAX_PROBE_AUC:
                problems.append(f"expected group words to say little, found AUC {value:.3f} for {label} in {source}")
        if cells:
            lines.append(f"{source:24} {'  '.join(cells)}")
    return lines, problems


def _targets(mixture: Mixture, split: str) -> Ints:
    rows = list(getattr(mixture, split)["targets"])
    return np.array(rows, dtype=np.int64).reshape(-1, len(mixture.labels))


def _line(name: str, split: str, targets: Ints) -> str:
    cells = [
        f"{int((targets[:, column] == 1).sum()):>6} / {int((targets[:, column] != UNKNOWN).sum()):<6}"
        for column in range(targets.shape[1])
    ]
    return f"{name:24} {split:10} {len(targets):>7}  " + "  ".join(cells)


def _licence(name: str) -> str:
    card = catalogue().get(name)
    return card.licence if card else _UNKNOWN_LICENCE
