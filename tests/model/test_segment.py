"""Sentences are right on hard cases, and whatever comes in they are ordered and complete."""

import json
import time
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.normalise import normalise
from tocsin.model.segment import MAX_CHARACTERS, segment
from tocsin.model.tables import load_table

CASES = [json.loads(line) for line in (Path(__file__).parent.parent / "data/segmentation.jsonl").open(encoding="utf-8")]
MARKS = "abcdžčŠБг .!?…,;:\n\"“”„»«’'–-()[]123<p>&; \u200b\u00ad"


def sentences(text: str, code: str) -> list[str]:
    return [text[span.start : span.end] for span in segment(normalise(text), text, load_table(code))]


KNOWN_FAILURES = {
    "en-32": "one line broken before a capital letter cannot be told from a headline",
}


def parameters() -> list[ParameterSet]:
    found = []
    for number, case in enumerate(CASES):
        name = f"{case['lang']}-{number}"
        reason = KNOWN_FAILURES.get(name)
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        found.append(pytest.param(case, id=name, marks=marks))
    return found


@pytest.mark.parametrize("case", parameters())
def test_sentences_are_those_a_reader_sees(case: dict[str, object]) -> None:
    assert sentences(str(case["text"]), str(case["lang"])) == case["sentences"]


@given(st.text() | st.text(alphabet=MARKS, max_size=400), st.sampled_from(["en", "hbs", "sq", "mk", "de", "el"]))
def test_sentences_are_ordered_disjoint_and_cover_everything_but_space(text: str, code: str) -> None:
    spans = segment(normalise(text), text, load_table(code))
    at = 0
    for span in spans:
        assert at <= span.start < span.end
        assert not text[at : span.start].strip()
        at = span.end
    assert not text[at:].strip()


def test_over_long_sentences_are_cut_at_clauses_and_marked() -> None:
    text = ", ".join(["and then the column of vehicles moved on towards the crossing"] * 30)
    spans = segment(normalise(text), text, load_table("en"))
    assert len(spans) > 1
    assert all(span.cut and span.end - span.start <= MAX_CHARACTERS for span in spans)
    assert all(text[span.start : span.end].endswith(",") for span in spans[:-1])


@pytest.mark.parametrize("unit", ["bez tačke i zareza ", "A. ", '"', "x", ".", "<p>", "\n", "a\n", "Rečenica. "])
def test_work_is_linear_on_an_article_of_fifty_thousand_words(unit: str) -> None:
    text = unit * 50_000
    started = time.perf_counter()
    sentences(text, "hbs")
    assert time.perf_counter() - started < 10
