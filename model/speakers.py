"""Find who is named in a stretch of a sentence: a person, a body, an office, or a pronoun for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.model.words import Reading

PERSON, SURNAME, OFFICE, DOCUMENT, PRONOUN = "person", "surname", "office", "document", "pronoun"

_MAX_EXTENSION = 6  # words that may go on an office: "načelnik kriznog štaba opštine"
_MAX_PLAIN = 3  # of them in a row without a linking word
_MAX_TITLE = 4  # words in quotation marks that name a body: list „Dnevni vesnik“
_RANKS = {PERSON: 4, SURNAME: 3, OFFICE: 2, PRONOUN: 2, DOCUMENT: 1}


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody named in a sentence, with the words ``first`` to ``last``.

    ``governed`` is set behind a preposition, where the subject of a sentence does not stand.
    """

    kind: str
    text: str
    first: int
    last: int
    governed: bool

    @property
    def rank(self) -> int:
        """Higher for who is likelier the speaker."""
        return 0 if self.governed else _RANKS[self.kind]


def name_in(reading: Reading, left: int, right: int, *, nearest_last: bool = False) -> Named | None:
    """The likeliest speaker named outside direct speech among the words ``left`` to ``right``, the latter excluded."""
    found = list(names(reading, left, right))
    if nearest_last:
        found.reverse()
    return max(found, key=lambda named: named.rank, default=None)


def names(reading: Reading, left: int, right: int) -> Iterator[Named]:
    """All who are named outside direct speech among the words ``left`` to ``right``, the latter excluded."""
    at = max(left, 0)
    while at < right:
        named = None if reading.spoken[at] else _named_at(reading, at, left, right)
        if named is not None:
            yield named
            at = max(named.last, at)
        at += 1


def _named_at(reading: Reading, at: int, left: int, right: int) -> Named | None:
    if reading.words[at].is_capital and (run := _capital_run(reading, at, right)) > at:
        named = _read_run(reading, at, run, left, right)
        if named is not None:
            return named
    length = reading.length(at, reading.table.roles)
    if length:
        return _office(reading, at, length, left, right)
    length = reading.length(at, reading.table.pronouns)
    if length and not is_governed(reading, at):
        return Named(PRONOUN, reading.printed(at, at + length - 1), at, at + length - 1, governed=False)
    return None


def is_governed(reading: Reading, at: int) -> bool:
    """Whether a preposition or the like stands before the word, or before its article."""
    table = reading.table
    before = at - 1
    if at > 0 and not reading.words[at].gap and reading.has(before, table.articles):
        before -= 1
    if before < 0 or reading.words[before + 1].gap or not reading.has(before, table.prepositions):
        return False
    return not reading.has(before - 1, table.documents)  # whose report it is, is the speaker


def _capital_run(reading: Reading, at: int, right: int) -> int:
    """End of the run of capitalised words that starts at ``at``; function words are no part of one."""
    end = at
    while end < right and not reading.spoken[end] and _continues(reading, at, end):
        end += 1
    return end


def _continues(reading: Reading, first: int, at: int) -> bool:
    word = reading.words[at]
    if not word.is_capital or (at == first and reading.has(at, reading.table.not_speakers)):
        return False
    if at == first or not word.gap:
        return at == first or not reading.has(at, reading.table.not_speakers) or len(word.raw) == 1
    before = reading.words[at - 1]
    return word.gap == "." and (len(before.raw) == 1 or before.folded in reading.table.abbreviations)


def _read_run(reading: Reading, first: int, end: int, left: int, right: int) -> Named | None:
    """A run of capitalised words as a person or a body; None when it is part of an office."""
    start = _skip_titles(reading, first, end)
    governed = is_governed(reading, first)
    table = reading.table
    if start == end:
        return None
    if all(reading.words[at].is_acronym for at in range(start, end)) or any(
        reading.length(at, table.institutions) or reading.has(at, table.roles) for at in range(start, end)
    ):
        return _body(reading, first, end, right)
    if end - start == 1 and start == first:
        office = _office_around(reading, start, left, right)
        if office is not None or governed or not _may_be_name(reading, start):
            return office
    kind = PERSON if end - start > 1 else SURNAME
    # "ministra Petra Perića": behind its office a name is not a place, whatever governs it.
    return Named(kind, reading.printed(start, end - 1), start, end - 1, governed and start == first)


def _may_be_name(reading: Reading, at: int) -> bool:
    """Whether a lone capital is more than the sentence's first: "Perić je rekao", not "Broj birača pao je"."""
    after = at + 1
    if at > 0 or after == len(reading.words) or reading.words[after].gap:
        return True
    table = reading.table
    if reading.has(after, table.not_speakers) and not reading.has(after, table.prepositions):
        after = min(after + 1, len(reading.words) - 1)  # "Perić also said"
    goes_on = reading.has(after, table.auxiliaries) or reading.length(after, table.links)
    return bool(goes_on or reading.is_verb(after))


def _skip_titles(reading: Reading, first: int, end: int) -> int:
    """Index behind the offices, bodies and forms of address at the head of a name."""
    at = first
    while at < end:
        length = reading.length(at, reading.table.roles)
        is_address = reading.has(at, reading.table.abbreviations) and len(reading.words[at].raw) > 1
        body = reading.length(at, reading.table.institutions) or reading.words[at].is_acronym
        if not (length or is_address or body) or (body and end - at - body <= 1):
            break
        at = min(at + (length or body or 1), end)
    return at


def _body(reading: Reading, first: int, end: int, right: int) -> Named:
    """A body such as a ministry, with what goes on behind a linking word: "Alliance for the Valley"."""
    last = _extended(reading, end, right, plain=0 if end - first > 1 else _MAX_PLAIN)
    return Named(OFFICE, reading.printed(first, last), first, last, is_governed(reading, first))


def _office_around(reading: Reading, at: int, left: int, right: int) -> Named | None:
    """The office whose first word is the capitalised one: "Western diplomat", "Državna revizorska institucija"."""
    for head in range(at + 1, min(at + 3, right)):
        if reading.words[head].gap or reading.words[head].is_capital or reading.spoken[head]:
            return None
        length = reading.length(head, reading.table.roles)
        if length:
            return _office(reading, head, length, left, right)
        if reading.has(head, reading.table.not_speakers) or reading.is_verb(head):
            return None
    return None


def _office(reading: Reading, head: int, length: int, left: int, right: int) -> Named:
    if reading.has(head, reading.table.documents):
        return Named(DOCUMENT, reading.printed(head, head), head, head, is_governed(reading, head))
    first = _office_start(reading, head, left)
    last = _extended(reading, head + length, right, plain=_MAX_PLAIN, over_roles=not is_governed(reading, first))
    text = reading.printed(first, last)
    if last + 1 < len(reading.words) and reading.spoken[last + 1]:
        text += _title_behind(reading, last)
    return Named(OFFICE, text, first, last, is_governed(reading, first))


def _office_start(reading: Reading, head: int, left: int) -> int:
    """First word of an office: adjectives before the head belong to it where they are marked off on their left."""
    first = head
    while first > max(left, head - 3, 0) and _is_plain(reading, first - 1) and not reading.words[first].gap:
        first -= 1
    for at in range(first, head):
        is_marked = at == 0 or reading.words[at].gap or reading.spoken[at - 1]
        if is_marked or reading.has(at - 1, reading.table.articles) or reading.has(at - 1, reading.table.documents):
            return at
        if reading.words[at].is_capital and not reading.has(at, reading.table.institutions):
            return at
    return head


def _is_plain(reading: Reading, at: int) -> bool:
    table = reading.table
    return not (
        reading.spoken[at]
        or reading.has(at, table.not_speakers)
        or reading.has(at, table.articles)
        or reading.has(at, table.documents)
        or reading.has(at, table.auxiliaries)
        or reading.has(at, table.impersonal)
        or reading.has(at, table.negations)
        or reading.is_verb(at)
    )


def _extended(reading: Reading, end: int, right: int, *, plain: int, over_roles: bool = True) -> int:
    """Last word of an office or body whose head ends before ``end``.

    Without ``over_roles`` another office, which may be the subject, only goes on it behind a linking word.
    """
    allowed, last = plain, end - 1
    limit = min(right, end + _MAX_EXTENSION)
    while last + 1 < limit and _follows(reading, last + 1):
        link = reading.length(last + 1, reading.table.links)
        target = last + 1 + link
        if target >= limit or not _follows(reading, target) or not _is_plain(reading, target):
            break
        if not link and (not allowed or _is_name(reading, target) or (_is_role(reading, target) and not over_roles)):
            break
        allowed = _MAX_PLAIN if link and plain else allowed - 1
        last = _name_end(reading, target, limit) if link and _is_name(reading, target) else target
    return last


def _name_end(reading: Reading, at: int, limit: int) -> int:
    """Last word of the name that begins at ``at``: "mayor of Donja Strana"."""
    while at + 1 < limit and _follows(reading, at + 1) and _is_name(reading, at + 1):
        at += 1
    return at


def _follows(reading: Reading, at: int) -> bool:
    """Whether the word follows the one before it without a mark, outside direct speech."""
    return not reading.words[at].gap and not reading.spoken[at]


def _is_role(reading: Reading, at: int) -> bool:
    return bool(reading.length(at, reading.table.roles))


def _is_name(reading: Reading, at: int) -> bool:
    word = reading.words[at]
    return word.is_capital and not word.is_acronym and not reading.length(at, reading.table.institutions)


def _title_behind(reading: Reading, last: int) -> str:
    """The short title in quotation marks behind word ``last``, with its marks."""
    end = last + 1
    while end < len(reading.words) and reading.spoken[end] and not (end > last + 1 and reading.words[end].gap):
        end += 1
    if end - last - 1 > _MAX_TITLE:
        return ""
    stop = reading.words[end - 1].stop + 1
    return reading.text[reading.words[last].stop : stop]
