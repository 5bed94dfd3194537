"""The record that goes out, field by field as docs/output-contract.md says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tocsin.model.article import SentenceScore
from tocsin.serve.score import Scored

SCHEMA = 1
FIELDS = (
    "schema",
    "id",
    "language",
    "status",
    "flagged",
    "labels",
    "scores",
    "outlet_scores",
    "sentence_count",
    "sentences",
    "model",
)
CLASH_PREFIX = "input_"  # before a carried field whose name is one of ours


def output_record(scored: Scored, model_id: str, *, all_sentences: bool) -> dict[str, Any]:
    """The output record, its fields in the order of FIELDS and then the carried ones."""
    record, score = scored.record, scored.score
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "id": record.id,
        "language": score.language,
        "status": score.status,
        "flagged": score.flagged,
        "labels": list(score.labels),
        "scores": score.scores,
        "outlet_scores": score.outlet_scores,
        "sentence_count": len(score.sentences),
        "sentences": [_sentence(found) for found in score.sentences if found.labels or all_sentences],
        "model": model_id,
    }
    for name, value in record.carried.items():
        values[_free_name(name, record.carried)] = value
    return values


def _free_name(name: str, carried: Mapping[str, Any]) -> str:
    free = name
    while free in FIELDS or (free != name and free in carried):
        free = CLASH_PREFIX + free
    return free


def _sentence(found: SentenceScore) -> dict[str, Any]:
    sentence = found.sentence
    return {
        "where": sentence.where,
        "start": sentence.start,
        "end": sentence.end,
        "labels": list(found.labels),
        "scores": found.scores,
        "attribution": sentence.attribution,
        "speaker": sentence.speaker,
    }


def to_json(value: object) -> str:
    """One line of JSON that is always valid UTF-8; ValueError for NaN and infinity, which readers keep out."""
    line = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        line.encode()
    except UnicodeEncodeError:  # lone surrogates, which an escape in the input can bring in
        return json.dumps(value, allow_nan=False)
    return line
