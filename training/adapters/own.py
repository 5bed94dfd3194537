"""The regional corpus of this repository: all four labels known for every sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tocsin.model.labels import LABELS
from tocsin.training.adapters.tables import read_json_lines
from tocsin.training.example import Example, targets

CORPUS = Path(__file__).parent.parent / "corpus"
SOURCE = "tocsin-regional"


def regional_corpus(root: Path) -> Iterator[Example]:
    """Sentences of ``training/corpus``; the split is stored with each, by passage or near-twin pair.

    ``root`` is not used: the corpus lies in the repository.
    """
    del root
    for path in sorted(CORPUS.glob("*.jsonl")):
        for row in read_json_lines(path):
            known = targets(**{label: label in row["labels"] for label in LABELS})
            yield Example(row["text"], row["lang"], known, SOURCE, row["unit"], row["split"], row["kind"])
