"""The record that goes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tocsin.model import LABELS
from tocsin.model.article import assemble, prepare
from tocsin.serve.output import FIELDS, output_record, to_json
from tocsin.serve.records import Record
from tocsin.serve.score import Scored

TEXT = "They are traitors. The city is calm today."


def scored(carried: Mapping[str, Any], rows: list[list[float]]) -> Scored:
    article = prepare(TEXT, language="en")
    score = assemble(article, np.array(rows), dict.fromkeys(LABELS, 0.5))
    return Scored(Record("f:1", 1, TEXT, None, "en", carried), score)


def test_only_sentences_with_a_label_are_evidence_unless_all_are_wanted() -> None:
    result = scored({}, [[0.9, 0, 0, 0], [0, 0, 0, 0.2]])
    some = output_record(result, "m@1", all_sentences=False)
    every = output_record(result, "m@1", all_sentences=True)
    assert [sentence["labels"] for sentence in some["sentences"]] == [["divisive"]]
    assert [sentence["labels"] for sentence in every["sentences"]] == [["divisive"], []]
    assert some["sentence_count"] == every["sentence_count"] == 2
    assert list(every["sentences"][0]) == ["where", "start", "end", "labels", "scores", "attribution", "speaker"]
    assert [TEXT[sentence["start"] : sentence["end"]] for sentence in every["sentences"]] == [
        "They are traitors.",
        "The city is calm today.",
    ]


def test_conciliatory_alone_is_a_label_but_no_flag() -> None:
    record = output_record(scored({}, [[0, 0, 0, 0.9], [0, 0, 0, 0]]), "m@1", all_sentences=False)
    assert (record["labels"], record["flagged"]) == (["conciliatory"], False)


def test_a_carried_field_never_replaces_one_of_ours_nor_another() -> None:
    carried = {"model": "a", "input_model": "b", "schema": "c", "outlet": "d"}
    record = output_record(scored(carried, [[0] * 4] * 2), "m@1", all_sentences=False)
    assert list(record)[: len(FIELDS)] == list(FIELDS)
    assert {name: record[name] for name in list(record)[len(FIELDS) :]} == {
        "input_input_model": "a",
        "input_model": "b",
        "input_schema": "c",
        "outlet": "d",
    }
    assert (record["model"], record["schema"]) == ("m@1", 1)


def test_json_is_one_line_of_utf8_without_nan() -> None:
    assert to_json({"a": "č\n\u2028"}) == '{"a": "č\\n\u2028"}'
    line = to_json({"a": "č\ud800"})
    assert line.encode().isascii()
    assert json.loads(line) == {"a": "č\ud800"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"a": [float("nan")]})
