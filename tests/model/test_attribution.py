"""Voices and speakers are those a reader finds, on cases in six languages and two scripts."""

import json
import time
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from hypothesis import given
from hypothesis import strategies as st

from tocsin.model.attribution import attribute
from tocsin.model.normalise import normalise
from tocsin.model.segment import segment
from tocsin.model.tables import load_table

FOLDER = Path(__file__).parent.parent / "data/attribution"
KNOWN_FAILURES = {
    "hbs-25": "a call on somebody to do something is taken for paraphrase",
    "hbs-32": "the closing mark is missing, and the speaker stands two lines on",
    "hbs-33": "a quotation whose closing mark is missing is taken to end with its line",
}


def cases() -> list[ParameterSet]:
    found: list[ParameterSet] = []
    for code in ("en", "hbs", "sq", "mk"):
        lines = (FOLDER / f"{code}.jsonl").read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            name = f"{code}-{number}"
            reason = KNOWN_FAILURES.get(name)
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
            found.append(pytest.param(code, json.loads(line), id=name, marks=marks))
    return found


def attribution_of(sentence: str, text: str, code: str) -> tuple[str, str | None]:
    aligned = normalise(text)
    table = load_table(code)
    spans = segment(aligned, text, table)
    voices = attribute(aligned.text, spans, [table] * len(spans))
    at = text.index(sentence)
    covering = [
        voice for span, voice in zip(spans, voices, strict=True) if span.start < at + len(sentence) and span.end > at
    ]
    return covering[0].kind, covering[0].speaker


@pytest.mark.parametrize("code, case", cases())
def test_voice_and_speaker_are_those_a_reader_finds(code: str, case: dict[str, str]) -> None:
    found = attribution_of(case["sentence"], case["text"], code)
    assert found == (case["attribution"], case["speaker"])


def test_each_sentence_has_one_voice_and_outlets_have_no_speaker() -> None:
    text = "„Idemo kući, rekli su nam“, kaže Ana Marić. Skup je završen. – Ne – rekla je ona."
    aligned, table = normalise(text), load_table("hbs")
    spans = segment(aligned, text, table)
    voices = attribute(aligned.text, spans, [table] * len(spans))
    assert len(voices) == len(spans)
    assert all(voice.speaker is None for voice in voices if voice.kind == "outlet")


@given(
    st.text() | st.text(alphabet="abAB .,:;!?\n\"'„“”»«–-’", max_size=400), st.sampled_from(["en", "hbs", "sq", "mk"])
)
def test_whatever_comes_in_every_sentence_gets_a_voice(text: str, code: str) -> None:
    aligned, table = normalise(text), load_table(code)
    spans = segment(aligned, text, table)
    voices = attribute(aligned.text, spans, [table] * len(spans))
    assert len(voices) == len(spans)
    assert all(voice.speaker is None or voice.speaker in aligned.text for voice in voices)


@pytest.mark.parametrize(
    "unit", ["„Ne“, rekao je Petar Perić. ", ", rekao je da ", "– A, kaže on.\n", '"a\n', "A: b c d\n"]
)
def test_work_is_linear_on_a_long_article(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    aligned, table = normalise(text), load_table("hbs")
    spans = segment(aligned, text, table)
    started = time.perf_counter()
    attribute(aligned.text, spans, [table] * len(spans))
    assert time.perf_counter() - started < 10
