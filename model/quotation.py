"""Tell quoted speech from titles, names and words in scare quotes."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.model.speakers import name_in
from tocsin.model.speech import DASHES, Speech
from tocsin.model.verbs import Evidence, Verb, find_verbs, first_subject, name_behind, subject_of
from tocsin.model.words import Reading

_LONG = 4  # words of a quotation that is more than a term in scare quotes
_NEAR = 5  # words between a quotation and its verb
_TITLE_CAPITALS = 0.6  # share of capitalised words
_INTRODUCING = (":", "\u2013", "\u2014")
_SETTING_OFF = "," + DASHES
_ENDS = (".", "!", "?", "\u2026")


def find_quotation(reading: Reading, begin: int, stop: int, speeches: Sequence[Speech]) -> Evidence | None:
    """Why a sentence, ``text[begin:stop]``, is quoted, None when it is not."""
    verbs = list(find_verbs(reading)) if speeches else []
    for speech in speeches:
        inside = [i for i, word in enumerate(reading.words) if speech.begin <= word.begin < speech.stop]
        crosses = speech.begin < begin or speech.stop > stop
        if inside and (crosses or speech.dashed or _is_speech(reading, speech, inside, verbs)):
            return _quotation_speaker(reading, speech, inside, verbs)
    return None


def _is_speech(reading: Reading, speech: Speech, inside: Sequence[int], verbs: Sequence[Verb]) -> bool:
    """Whether a quotation within one sentence is speech, rather than a title or a term."""
    first, last = inside[0], inside[-1]
    inner, before, after = _surroundings(reading.text, speech)
    introduced = before in _INTRODUCING
    complete = inner.endswith(_ENDS)
    set_off = inner.endswith(",") or (after != "" and after in _SETTING_OFF)
    verb_before = any(verb.last < first for verb in verbs)
    verb_behind = any(last < verb.first <= last + _NEAR for verb in verbs)
    alone = first == 0 and last == len(reading.words) - 1
    if len(inside) < _LONG:
        return (complete and alone) or (verb_behind and (complete or set_off)) or (verb_before and introduced)
    if complete or introduced or (verb_behind and set_off):
        return True
    verb_beside = any(verb.first == last + 1 for verb in verbs)
    tied = alone or verb_before or verb_beside or (first == 0 and set_off)
    return tied and not _is_title(reading, inside)


def _surroundings(text: str, speech: Speech) -> tuple[str, str, str]:
    """What a quotation holds, and the marks next to it, empty where there are none."""
    inner = text[speech.begin + 1 : speech.stop - 1].rstrip()
    before = text[max(0, speech.begin - 3) : speech.begin].rstrip()[-1:]
    return inner, before, text[speech.stop : speech.stop + 3].lstrip()[:1]


def _is_title(reading: Reading, inside: Sequence[int]) -> bool:
    capitals = sum(reading.words[at].is_capital for at in inside)
    return capitals >= 2 and capitals >= _TITLE_CAPITALS * len(inside)


def _quotation_speaker(reading: Reading, speech: Speech, inside: Sequence[int], verbs: Sequence[Verb]) -> Evidence:
    """Who speaks: by the verb that stands nearest to the quotation."""
    if not verbs:
        return _speaker_without_verb(reading, inside)
    verb = min(verbs, key=lambda verb: min(abs(verb.first - inside[-1]), abs(inside[0] - verb.last)))
    if verb.last < inside[0]:
        return subject_of(reading, verb)
    between = name_in(reading, _clause_start(reading, verb), verb.first, nearest_last=True)
    return first_subject((between, name_behind(reading, verb)), asks_back=not verb.impersonal)


def _speaker_without_verb(reading: Reading, inside: Sequence[int]) -> Evidence:
    """Only where a dash or colon ties the name to the quotation, as in headlines."""
    behind, before = inside[-1] + 1, inside[0]
    if before > 0 and reading.words[before].gap.startswith(":"):
        return Evidence(name_in(reading, 0, before), asks_back=False)
    if behind < len(reading.words) and any(dash in reading.words[behind].gap for dash in DASHES):
        return Evidence(name_in(reading, behind, len(reading.words)), asks_back=False)
    return Evidence(None, asks_back=False)


def _clause_start(reading: Reading, verb: Verb) -> int:
    """Index behind the direct speech before the verb, else 0."""
    at = verb.first
    while at > 0 and not reading.spoken[at - 1]:
        at -= 1
    return at
