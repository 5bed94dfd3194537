"""Stretches of direct speech in a text: quotations, and lines that a dash opens.

A dash at the head of a line opens speech in the press of the region, and another closes it before "said the mayor". It
opens list items too, so it is believed when an attributing verb follows in the line, or when a sentence does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tocsin.model.quotes import find_quotes
from tocsin.model.segment import Span
from tocsin.model.tables import LanguageTable
from tocsin.model.words import Reading, read_words

DASHES = "-\u2013\u2014\u2015"
_LONG_DASHES = "\u2013\u2014\u2015"
_OPENING = re.compile(rf"[{DASHES}]\s*(?=[^\W_]|[^\w\s])")
_TAIL_SEARCH = 5  # words after the attributing verb that may hold its speaker
_TAIL_GAP = 2  # words between a closing dash and the attributing verb


@dataclass(frozen=True, slots=True)
class Speech:
    """Direct speech, ``text[begin:stop]`` with its marks."""

    begin: int
    stop: int
    dashed: bool


def find_speech(text: str, spans: Sequence[Span], tables: Sequence[LanguageTable]) -> list[Speech]:
    """Stretches of direct speech in order; none overlaps another."""
    dashed = [
        speech
        for first, last in _lines(text, spans)
        if (speech := _dash_speech(text, spans[first : last + 1], tables[first : last + 1]))
    ]
    return _merge(dashed, [Speech(begin, stop, dashed=False) for begin, stop in find_quotes(text)])


def _merge(dashed: list[Speech], quoted: list[Speech]) -> list[Speech]:
    """All of ``dashed``, and those of ``quoted`` that lie outside them."""
    merged: list[Speech] = []
    for speech in sorted([*dashed, *quoted], key=lambda speech: (speech.begin, not speech.dashed)):
        if not merged or speech.begin >= merged[-1].stop:
            merged.append(speech)
    return merged


def _lines(text: str, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """First and last sentence of each line."""
    first = 0
    for index in range(1, len(spans) + 1):
        if index == len(spans) or "\n" in text[spans[index - 1].stop : spans[index].begin]:
            yield first, index - 1
            first = index


def _dash_speech(text: str, spans: Sequence[Span], tables: Sequence[LanguageTable]) -> Speech | None:
    begin = spans[0].begin
    opening = _OPENING.match(text, begin)
    if opening is None:
        return None
    for span, table in zip(spans, tables, strict=True):
        start = max(span.begin, opening.end())
        stop = _tail(text, start, span.stop, table)
        if stop is not None:
            return Speech(begin, stop, dashed=True)
    is_speech = text[begin] in _LONG_DASHES and text[opening.end()].isupper() and text[spans[-1].stop - 1] in ".!?…"
    return Speech(begin, spans[-1].stop, dashed=True) if is_speech else None


def _tail(text: str, begin: int, stop: int, table: LanguageTable) -> int | None:
    """Where speech ends before the words that bring its speaker, behind a dash or a comma."""
    words = read_words(text, begin, stop, table)
    reading = Reading(text, table, words, [False] * len(words))
    for at in range(1, len(words)):
        gap = words[at].gap
        if gap and (gap[-1] in DASHES or gap == ",") and _brings_speaker(reading, at, gap == ","):
            return words[at - 1].stop
    return None


def _brings_speaker(reading: Reading, at: int, after_comma: bool) -> bool:
    for verb in range(at, min(at + 1 + _TAIL_GAP, len(reading.words))):
        length = reading.length(verb, reading.table.verbs) or reading.length(verb, reading.table.weak_verbs)
        if length:
            rest = range(verb + length, min(verb + length + _TAIL_SEARCH, len(reading.words)))
            named = any(reading.words[i].is_capital or _is_role(reading, i) for i in rest)
            return named or not rest or not after_comma
    return False


def _is_role(reading: Reading, at: int) -> bool:
    return bool(reading.length(at, reading.table.roles) or reading.length(at, reading.table.pronouns))
