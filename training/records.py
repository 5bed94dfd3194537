"""The regional corpus as it is stored: one JSON object a line, with its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tocsin.model.labels import LABELS
from tocsin.training.example import SPLITS

CORPUS = Path(__file__).parent / "corpus"
SOURCE = "tocsin-regional"
LICENCE = "CC-BY-4.0"
LANGUAGES = ("en", "sr-Latn", "sr-Cyrl", "hr", "bs", "cnr", "sq", "mk")
ATTRIBUTIONS = ("outlet", "quoted", "reported")

# Device of a labelled sentence, or kind of calm text. A calm kind carries no label; what counters or denies may calm.
LABELLED_KINDS = frozenset(
    "break_off call_to_arms collective_blame conspiracy dehumanisation dog_whistle exclusion expulsion false_dilemma "
    "false_peace fear_mongering guilt_by_association identity_denial loaded_language praise_of_perpetrators "
    "sabre_rattling secret_motives smear stereotype threat traitor_frame ultimatum us_vs_them veiled_threat "
    "victim_denial vilification whataboutism".split()
)
CONCILIATORY_KINDS = frozenset("accepted_talks acknowledgement apology appeal_for_peace cooperation restraint".split())
CALM_KINDS = frozenset(
    "argued_opinion boilerplate clickbait colloquial_calm court_report courtesy debunk fiction history "
    "interview_question market_metaphor marked_satire meeting_report named_rhetoric neutral_group_report "
    "neutral_identity plain_demand pledge policy_dispute punchy_calm risk_warning sarcasm_calm sharp_criticism "
    "sober_news sport troop_report violence_report".split()
)
ANSWERING_KINDS = frozenset({"counter_speech", "negated_threat"})
KINDS = LABELLED_KINDS | CONCILIATORY_KINDS | CALM_KINDS | ANSWERING_KINDS

PAIR, PASSAGE, SINGLE = "p", "d", "s"


@dataclass(frozen=True, slots=True)
class Record:
    """One sentence of the regional corpus.

    ``unit`` names the near-twin pair, passage or single sentence: ``<file>-p7``, ``<file>-d2``, ``<file>-s31``. A unit
    is never divided between splits.
    """

    id: str
    text: str
    lang: str
    labels: tuple[str, ...]
    attribution: str
    kind: str
    unit: str
    split: str
    source: str
    licence: str

    @property
    def form(self) -> str:
        """PAIR, PASSAGE or SINGLE, by the unit's name."""
        return self.unit.rsplit("-", 1)[-1][:1]

    @property
    def writer(self) -> str:
        """The brief under which the sentence was written: the file's name."""
        return self.unit.rsplit("-", 1)[0]


FIELDS = tuple(field.name for field in fields(Record))
_CLOSED: Mapping[str, Iterable[str]] = {
    "lang": LANGUAGES,
    "attribution": ATTRIBUTIONS,
    "kind": KINDS,
    "split": SPLITS,
    "source": (SOURCE,),
    "licence": (LICENCE,),
}


def read_corpus(folder: Path = CORPUS) -> Iterator[Record]:
    """Records of every ``*.jsonl`` of the folder, in the order of names and lines.

    ValueError names file, line and field of the first record that breaks the schema; FileNotFoundError when the folder
    holds no file.
    """
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise FileNotFoundError(f"expected *.jsonl files of the corpus in {folder}, found none")
    for path in paths:
        with path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield parse_record(json.loads(line))
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number}: {error}") from error


def parse_record(row: Mapping[str, Any]) -> Record:
    """A record from its JSON object; ValueError says which field was expected to be what."""
    if set(row) != set(FIELDS):
        missing, extra = sorted(set(FIELDS) - set(row)), sorted(set(row) - set(FIELDS))
        raise ValueError(f"expected the fields {', '.join(FIELDS)}; missing {missing}, not known {extra}")
    for name, allowed in _CLOSED.items():
        if row[name] not in allowed:
            raise ValueError(f"expected {name} to be one of {', '.join(sorted(allowed))}, found {row[name]!r}")
    for name in ("id", "text", "unit"):
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"expected {name} to be a string that is not empty, found {row[name]!r}")
    labels = row["labels"]
    if not isinstance(labels, list) or labels != [label for label in LABELS if label in labels]:
        raise ValueError(f"expected labels to be a list of {', '.join(LABELS)} in this order, found {labels!r}")
    return Record(**{**row, "labels": tuple(labels)})
