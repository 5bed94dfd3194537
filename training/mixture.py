"""All sources in one data set, cleaned as the model reads, without leaks between splits."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from tocsin.model.normalise import clean
from tocsin.training.adapters import ADAPTERS
from tocsin.training.config import TrainConfig
from tocsin.training.dedupe import fold, near_copies
from tocsin.training.example import TEST, TRAIN, UNKNOWN, VALIDATION, Example

MIN_CHARACTERS = 3


@dataclass(frozen=True, slots=True)
class Mixture:
    """Rows of each split as data sets with the columns of Example, and what was left out."""

    train: Dataset
    validation: Dataset
    test: Dataset
    sha256: str  # over every row of the three parts
    dropped: dict[str, int]  # reason -> rows


def build_mixture(config: TrainConfig) -> Mixture:
    """Read every source of the configuration.

    Dropped and counted: rows whose labels are all unknown, exact repeats, rows of training that are near-copies of a
    held-out row, and rows of validation that are near-copies of a test row.
    """
    dropped: Counter[str] = Counter()
    examples = list(_usable(read_sources(config.sources, Path(config.corpora)), dropped))
    parts = {split: [e for e in examples if e.split == split] for split in (TRAIN, VALIDATION, TEST)}
    parts[VALIDATION] = _without(parts[VALIDATION], parts[TEST], "validation row near a test row", dropped)
    held_out = parts[VALIDATION] + parts[TEST]
    parts[TRAIN] = _without(parts[TRAIN], held_out, "training row near a held-out row", dropped)
    digest = hashlib.sha256()
    for split, rows in parts.items():
        for row in rows:
            digest.update(json.dumps([split, row.source, row.text, row.targets], ensure_ascii=False).encode())
    train, validation, test = (_as_dataset(parts[split]) for split in (TRAIN, VALIDATION, TEST))
    return Mixture(train, validation, test, digest.hexdigest(), dict(dropped))


def read_sources(names: Iterable[str], corpora: Path) -> Iterable[Example]:
    """Examples of the named sources, in order."""
    for name in names:
        yield from ADAPTERS[name](corpora)


def _usable(examples: Iterable[Example], dropped: Counter[str]) -> Iterable[Example]:
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for example in examples:
        text = clean(example.text)
        key = (fold(text) if example.lang != "sr-Cyrl" else text, example.targets)
        if all(target == UNKNOWN for target in example.targets):
            dropped["no label known"] += 1
        elif len(text) < MIN_CHARACTERS:
            dropped["empty"] += 1
        elif key in seen:
            dropped["repeat"] += 1
        else:
            seen.add(key)
            yield Example(
                text, example.lang, example.targets, example.source, example.group, example.split, example.kind
            )


def _without(rows: list[Example], held_out: list[Example], reason: str, dropped: Counter[str]) -> list[Example]:
    flags = near_copies([row.text for row in rows], (row.text for row in held_out))
    dropped[reason] += sum(flags)
    return [row for row, near in zip(rows, flags, strict=True) if not near]


def _as_dataset(rows: list[Example]) -> Dataset:
    columns = ("text", "lang", "targets", "source", "group", "kind")
    return Dataset.from_dict({name: [getattr(row, name) for row in rows] for name in columns})
