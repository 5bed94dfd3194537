"""What shows that a sentence without quoted speech is reported: paraphrase, a source, a headline "Name: statement"."""

from __future__ import annotations

from tocsin.model.speakers import DOCUMENT, PERSON, PRONOUN, SURNAME, Named, name_in, names
from tocsin.model.verbs import (
    SUBJECT_REACH,
    Evidence,
    Verb,
    clause_end,
    find_verbs,
    is_subject,
    name_behind,
    subject_of,
)
from tocsin.model.words import Reading

_STRONG_REACH, _WEAK_REACH = 9, 6  # words behind a verb that may stand before "that"
_CLAUSE_MIN = 2  # words that can be what is said
_TAIL_MIN = 3  # words before an attributing tail that can be what is said
_TAIL_SUBJECT = 9  # words that the subject may take between comma and verb
_CLOSING = 3  # words that may stand behind a verb without a subject: "…, kazao je juče"
_NEAR = 5  # words between a weak verb and its subject
_SOURCE_REACH = 6  # words of a source, unless a comma ends it before
_HEADLINE_SPEAKER, _HEADLINE_STATEMENT = 7, 3


def find_evidence(reading: Reading, starts_line: bool) -> Evidence | None:
    """Why a sentence without direct speech is reported, None when it is not."""
    if starts_line and (headline := _headline(reading)):
        return headline
    verbs = list(find_verbs(reading))
    for verb in verbs:
        if not verb.negated and _reports(reading, verb):
            evidence = subject_of(reading, verb)
            if not _is_rule(reading, verb) and (verb.strong or _is_somebody(evidence, verb)):
                return evidence
    return _source(reading)


def _is_somebody(evidence: Evidence, verb: Verb) -> bool:
    """Whether there is one who can believe or show, as "it is expected that" has not."""
    named = evidence.named
    if named is None:
        return evidence.asks_back
    return not (named.governed and verb.impersonal) or named.kind == DOCUMENT


def _reports(reading: Reading, verb: Verb) -> bool:
    return _has_complementiser(reading, verb) or _is_tail(reading, verb) or _has_bare_clause(reading, verb)


def _has_complementiser(reading: Reading, verb: Verb) -> bool:
    reach = _STRONG_REACH if verb.strong else _WEAK_REACH
    for at in range(verb.last + 1, min(verb.last + 1 + reach, len(reading.words))):
        if ";" in reading.words[at].gap or (reading.is_verb(at) and not reading.spoken[at]):
            return False  # the clause is the next verb's
        if not reading.spoken[at] and reading.length(at, reading.table.complementisers):
            return at + 1 < len(reading.words)
    return False


def _is_tail(reading: Reading, verb: Verb) -> bool:
    """What is said, a comma, and then the verb with its speaker: "…, poručio je načelnik", "…, the ministry said"."""
    near = range(verb.first, max(0, verb.first - _TAIL_SUBJECT), -1)
    comma = next((at for at in near if reading.words[at].gap), 0)
    if comma < _TAIL_MIN or "," not in reading.words[comma].gap:
        return False
    if verb.first - comma <= 1:
        named = name_behind(reading, verb)
        closes = len(reading.words) - verb.last <= _CLOSING
        return bool(named and (verb.strong or named.first - verb.last <= _NEAR)) or (verb.strong and closes)
    if not reading.table.bare_clauses or not verb.strong or reading.has(comma, reading.table.complementisers):
        return False
    return is_subject(name_in(reading, comma, verb.first)) and clause_end(reading, verb.last + 1) == len(reading.words)


def _has_bare_clause(reading: Reading, verb: Verb) -> bool:
    """A clause without "that", as English has it: "said the road was closed"."""
    table = reading.table
    start = verb.last + 1
    if (
        not table.bare_clauses
        or verb.impersonal
        or len(reading.words) - start < _CLAUSE_MIN
        or reading.words[start].gap
    ):
        return False
    if reading.has(verb.first - 1, table.articles) or reading.has(verb.first - 1, table.prepositions):
        return False  # a noun: "the claims"
    if not is_subject(name_in(reading, 0, verb.first)):
        return False
    if verb.strong:
        return True
    clause = range(start + 1, min(start + _WEAK_REACH, len(reading.words)))
    return reading.has(start, table.articles) and any(reading.has(at, table.auxiliaries) for at in clause)


def _is_rule(reading: Reading, verb: Verb) -> bool:
    """Whether it is a law or a plan that "says"."""
    return any(reading.has(at, reading.table.rules) for at in range(max(0, verb.first - 3), verb.first))


def _source(reading: Reading) -> Evidence | None:
    """A phrase such as "according to" with the source behind it."""
    table = reading.table
    for at in range(len(reading.words)):
        length = 0 if reading.spoken[at] else reading.length(at, table.according_to)
        if length:
            start = at + length
            if any(reading.has(i, table.rules) for i in range(start, _phrase_end(reading, start))):
                continue
            known = start == len(reading.words) or "," in reading.words[start].gap
            known = known or any(reading.has(i, table.pronouns) for i in range(at, start))
            named = None if known else _source_name(reading, start)
            if named is not None or known or length > 1:
                return Evidence(named, asks_back=known)
    return None


def _phrase_end(reading: Reading, start: int) -> int:
    end = start
    while end < min(start + _SOURCE_REACH, len(reading.words)) and (end == start or "," not in reading.words[end].gap):
        end += 1
    return end


def _source_name(reading: Reading, start: int) -> Named | None:
    """The person named in the phrase or in apposition to it; else the office or body."""
    end = start
    commas = 0
    while end < min(start + SUBJECT_REACH, len(reading.words)) and not reading.spoken[end]:
        if end > start and "," in reading.words[end].gap:
            commas += 1
            if commas == 2 or not reading.words[end].is_capital:
                break
        end += 1
    found = list(names(reading, start, end))
    person = next((named for named in found if named.kind in (PERSON, SURNAME)), None)
    near = next((named for named in found if named.first - start <= 2), None)
    is_apposition = person is not None and reading.words[person.first].gap == "," and commas == 2
    return person if person and (commas == 0 or near or is_apposition) else near


def _headline(reading: Reading) -> Evidence | None:
    colon = _headline_colon(reading)
    if colon is None or any(reading.is_verb(at) for at in range(1, colon)):
        return None
    named = name_in(reading, 0, colon)
    if named is None or named.kind == PRONOUN or named.governed or named.last != colon - 1:
        return None
    return Evidence(named, asks_back=False)


def _headline_colon(reading: Reading) -> int | None:
    """Index of the word behind the colon of a headline that could name a speaker before it."""
    words = reading.words
    marks = (at for at in range(1, min(len(words), _HEADLINE_SPEAKER + 1)) if words[at].gap)
    colon = next((at for at in marks if words[at].gap != "."), None)
    if colon is None or not words[colon].gap.startswith(":") or len(words) - colon < _HEADLINE_STATEMENT:
        return None
    opens_otherwise = reading.has(0, reading.table.not_speakers) or any(reading.spoken[:colon])
    return colon if words[0].is_capital and words[colon].is_capital and not opens_otherwise else None
