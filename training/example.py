"""One labelled text on its way from a corpus into training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tocsin.model.labels import LABELS, check_label

UNKNOWN = -1  # a label that the corpus cannot decide; the loss and every metric skip it
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what its corpus says about each label, in the order of LABELS: 1, 0 or UNKNOWN."""

    text: str
    lang: str
    targets: tuple[int, ...]
    source: str
    group: str  # document, paragraph or pair: never divided between splits
    split: str
    kind: str = ""


def targets(**known: bool | int | None) -> tuple[int, ...]:
    """Targets in the order of LABELS; labels not named, or None, are UNKNOWN."""
    for name in known:
        check_label(name)
    values = (known.get(label) for label in LABELS)
    return tuple(UNKNOWN if value is None else int(value) for value in values)


def split_of(source: str, group: str, *, validation: int = 10, test: int = 10) -> str:
    """The split of a group, by a hash that no run changes; ``validation`` and ``test`` are percent."""
    bucket = int(hashlib.sha256(f"{source}/{group}".encode()).hexdigest()[:8], 16) % 100
    if bucket < test:
        return TEST
    return VALIDATION if bucket < test + validation else TRAIN
