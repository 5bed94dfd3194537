"""The regional corpus of this repository: all four labels known for every sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tocsin.model.labels import LABELS
from tocsin.training.example import Example, targets
from tocsin.training.records import SOURCE, read_corpus


def regional_corpus(root: Path) -> Iterator[Example]:
    """Sentences of ``training/corpus``; the split is stored with each, by passage or near-twin pair.

    ``root`` is not used: the corpus lies in the repository.
    """
    del root
    for record in read_corpus():
        known = targets(**{label: label in record.labels for label in LABELS})
        yield Example(
            record.text, record.lang, SOURCE, record.unit, record.split, known, record.kind, record.attribution
        )
