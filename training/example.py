"""One labelled text on its way from a corpus into training."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from tocsin.model.labels import check_label

UNKNOWN = -1  # a label that the corpus cannot decide; the loss and every metric skip it
TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True, slots=True)
class Example:
    """A text with what its corpus says about labels: 1 or 0; a label that is not named is unknown."""

    text: str
    lang: str
    source: str
    group: str  # document, paragraph or pair: never divided between splits
    split: str
    targets: Mapping[str, int] = field(default_factory=dict)
    kind: str = ""
    attribution: str = ""  # outlet, quoted or reported; "" where the corpus does not say


def targets(**known: bool | int | None) -> dict[str, int]:
    """Targets for labels of the guide; those not named, or None, are unknown. ValueError for another name."""
    return {check_label(name): int(value) for name, value in known.items() if value is not None}


def split_of(source: str, group: str, *, validation: int = 10, test: int = 10) -> str:
    """The split of a group, by a hash that no run changes; ``validation`` and ``test`` are percent."""
    bucket = int(hashlib.sha256(f"{source}/{group}".encode()).hexdigest()[:8], 16) % 100
    if bucket < test:
        return TEST
    return VALIDATION if bucket < test + validation else TRAIN
