"""Attributing verbs of a sentence and who stands as their subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.model.speakers import DOCUMENT, PRONOUN, SURNAME, Named, name_in
from tocsin.model.words import Reading

SUBJECT_REACH = 14  # words behind a verb among which its subject is looked for
_PRONOUN_REACH = 2  # behind the verb: "said he", not "said the road that they had built"
_IMPERSONAL_REACH, _NEGATION_REACH = 2, 3  # words before the verb


@dataclass(frozen=True, slots=True)
class Evidence:
    """That a sentence is somebody's; ``asks_back`` when it leaves out who, whom one knows from before."""

    named: Named | None
    asks_back: bool


@dataclass(frozen=True, slots=True)
class Verb:
    """An attributing verb, words ``first`` to ``last``."""

    first: int
    last: int
    strong: bool
    impersonal: bool
    negated: bool


def find_verbs(reading: Reading) -> Iterator[Verb]:
    """Attributing verbs outside direct speech."""
    table = reading.table
    at = 0
    while at < len(reading.words):
        strong = 0 if reading.spoken[at] else reading.length(at, table.verbs)
        weak = 0 if reading.spoken[at] else reading.length(at, table.weak_verbs)
        length = max(strong, weak)
        if length and reading.length(at, table.roles) <= length:  # not "the appeals court"
            yield _verb(reading, at, at + length - 1, strong >= weak)
        at += max(length, 1)


def _verb(reading: Reading, first: int, last: int, strong: bool) -> Verb:
    table = reading.table
    around = range(first - _IMPERSONAL_REACH, last + 2)
    before = [*range(first - _NEGATION_REACH, first), last + 1]  # "said nothing"
    impersonal = any(reading.has(at, table.impersonal) and not _apart(reading, at, first) for at in around)
    negated = any(reading.has(at, table.negations) and not _apart(reading, at, first) for at in before)
    return Verb(first, last, strong, impersonal, negated)


def _apart(reading: Reading, first: int, last: int) -> bool:
    """Whether punctuation stands between two words."""
    low, high = min(first, last), max(first, last)
    return any(reading.words[at].gap for at in range(low + 1, high + 1))


def subject_of(reading: Reading, verb: Verb) -> Evidence:
    """Who speaks: named before the verb, else behind it."""
    before = name_in(reading, _last_comma(reading, verb), verb.first, nearest_last=True)
    if not is_subject(before):  # "Fatmir Gashnjani, the opposition leader, denied"
        before = name_in(reading, 0, verb.first, nearest_last=True)
    after = name_behind(reading, verb)
    inverted = verb.first == 0 or "," in reading.words[verb.first].gap
    if after is not None and reading.table.bare_clauses and not _ends_phrase(reading, after.last + 1):
        inverted = False  # "A diplomat, who was there, said the US had known"
    if verb.impersonal and before is not None and before.kind == PRONOUN:
        before = None  # "it was reported that"
    return first_subject((after, before) if inverted else (before, after), asks_back=inverted and not verb.impersonal)


def _last_comma(reading: Reading, verb: Verb) -> int:
    """Index of the word behind the last comma before the verb, else 0."""
    return next((at for at in range(verb.first, 0, -1) if "," in reading.words[at].gap), 0)


def _ends_phrase(reading: Reading, at: int) -> bool:
    """Whether a subject may end before the word ``at``, which is no part of a clause about it."""
    table = reading.table
    if at >= len(reading.words) or reading.words[at].gap:
        return True
    return reading.has(at, table.prepositions) or reading.length(at, table.complementisers) > 0


def name_behind(reading: Reading, verb: Verb) -> Named | None:
    """Who is named behind the verb, before what is said; a pronoun only right behind it."""
    start = verb.last + 1
    named = name_in(reading, start, min(clause_end(reading, start), start + SUBJECT_REACH))
    return None if named and named.kind == PRONOUN and named.first - verb.last > _PRONOUN_REACH else named


def first_subject(order: tuple[Named | None, Named | None], *, asks_back: bool) -> Evidence:
    """The first who can be the subject, else the first at all but a place; without any, who was named before."""
    found = [named for named in order if named is not None]
    subjects = [named for named in found if not named.governed and named.kind != DOCUMENT]
    others = [named for named in found if named.kind != SURNAME]
    named = next(iter(subjects + others), None)
    return Evidence(named, asks_back=asks_back and named is None)


def is_subject(named: Named | None) -> bool:
    """Whether somebody is named where the subject of a sentence stands."""
    return named is not None and not named.governed


def clause_end(reading: Reading, start: int) -> int:
    """Index of the word at which the clause from ``start`` on ends: direct speech, or the word that opens another."""
    at = start
    while at < len(reading.words) and not reading.spoken[at]:
        if reading.length(at, reading.table.complementisers):
            break
        at += 1
    return at
