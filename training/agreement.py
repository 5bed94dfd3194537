"""Two readings of the same sentences: how far annotators agree, and the adjudicated labels of real text.

Files lie in ``training/corpus/annotations``. ``real.jsonl`` labels sentences of public corpora, whose text stays
outside: each line names the source and the SHA-256 of the sentence. ``second-pass.jsonl`` holds a second, blind reading
of a random part of the written corpus, by id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np

from tocsin.model.labels import LABELS
from tocsin.training.records import CORPUS

ANNOTATIONS = CORPUS / "annotations"
REAL, SECOND_PASS = ANNOTATIONS / "real.jsonl", ANNOTATIONS / "second-pass.jsonl"

Labels = tuple[str, ...]
_READINGS = ("first", "second", "decided")


@dataclass(frozen=True, slots=True)
class Reading:
    """One sentence as two annotators labelled it on their own, and what was decided afterwards.

    ``key`` is the id of a written sentence, or the hash of a real one; ``stratum`` says how it was drawn.
    """

    source: str
    key: str
    lang: str
    stratum: str
    first: Labels
    second: Labels
    decided: Labels


def sentence_key(text: str) -> str:
    """SHA-256 of the sentence as the corpus prints it, without white space at its ends."""
    return hashlib.sha256(text.strip().encode()).hexdigest()


def read_readings(path: Path) -> Iterator[Reading]:
    """Readings of a JSON Lines file; ValueError names the line that is not one."""
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            row = json.loads(line)
            first, second, decided = (_labels(row, name, f"{path.name}:{number}") for name in _READINGS)
            yield Reading(row["source"], row["key"], row["lang"], row["stratum"], first, second, decided)


def _labels(row: dict[str, Any], name: str, place: str) -> Labels:
    labels = row.get(name)
    if not isinstance(labels, list) or labels != [label for label in LABELS if label in labels]:
        raise ValueError(f"{place}: expected {name} to be a list of {', '.join(LABELS)}, found {labels!r}")
    return tuple(labels)


@lru_cache(maxsize=1)
def decided_labels() -> dict[tuple[str, str], Labels]:
    """(source, key) -> the adjudicated labels of real sentences."""
    return {(reading.source, reading.key): reading.decided for reading in read_readings(REAL)}


def alpha(readings: Sequence[Reading]) -> dict[str, float]:
    """Krippendorff's alpha (nominal) of the two readings by label; nan where neither ever gave the label."""
    values = {}
    for label in LABELS:
        pair = np.array([[label in r.first for r in readings], [label in r.second for r in readings]], dtype=int)
        varies = len(np.unique(pair)) > 1
        values[label] = float(krippendorff.alpha(pair, level_of_measurement="nominal")) if varies else float("nan")
    return values


def disagreement(readings: Sequence[Reading]) -> dict[str, dict[str, float]]:
    """Language -> share of sentences by label on which the two readings differ, with the number of sentences."""
    table: dict[str, dict[str, float]] = {}
    for lang in ["all", *sorted({reading.lang for reading in readings})]:
        rows = [reading for reading in readings if lang in ("all", reading.lang)]
        shares = {
            label: sum((label in row.first) != (label in row.second) for row in rows) / len(rows) for label in LABELS
        }
        table[lang] = {"sentences": float(len(rows))} | shares
    return table
