"""Whose words a sentence holds.

Direct speech is found over the whole text first, so that it may cross sentences. Each sentence is then judged by the
attributing words that stand outside direct speech. Speakers who are not named where they speak are looked for in the
sentences around. All words come from the tables; nothing here knows a language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.model.quotation import find_quotation
from tocsin.model.reporting import find_evidence
from tocsin.model.segment import Span
from tocsin.model.speakers import PERSON, PRONOUN, Named, names
from tocsin.model.speech import Speech, find_speech
from tocsin.model.tables import LanguageTable
from tocsin.model.words import Reading, read_words

OUTLET, QUOTED, REPORTED = "outlet", "quoted", "reported"

_MEMORY = 6  # sentences over which a pronoun remembers who was named


@dataclass(frozen=True, slots=True)
class Attribution:
    """Voice of a sentence and its speaker as printed, None where there is none or none is named."""

    kind: str
    speaker: str | None


@dataclass(frozen=True, slots=True)
class _Voice:
    """A sentence before its speaker is looked for in others."""

    kind: str
    named: Named | None
    asks_back: bool  # its speaker, if it names none, is who was named last
    speeches: tuple[int, ...]  # direct speech that it holds or stands in
    mentioned: tuple[str, ...]  # persons named in it
    introduced: str | None  # the person of whom it tells


def attribute(text: str, spans: Sequence[Span], tables: Sequence[LanguageTable]) -> list[Attribution]:
    """One attribution a span of the normalised text."""
    speeches = find_speech(text, spans, tables)
    voices = []
    first = 0
    for span, table in zip(spans, tables, strict=True):
        while first < len(speeches) and speeches[first].stop <= span.begin:
            first += 1
        last = first
        while last < len(speeches) and speeches[last].begin < span.stop:
            last += 1
        voices.append(_voice(text, span, table, speeches[first:last], tuple(range(first, last))))
    return _resolve(voices, [span.paragraph for span in spans])


def _voice(text: str, span: Span, table: LanguageTable, speeches: Sequence[Speech], numbers: tuple[int, ...]) -> _Voice:
    words = read_words(text, span.begin, span.stop, table)
    spoken = [any(speech.begin <= word.begin < speech.stop for speech in speeches) for word in words]
    reading = Reading(text, table, words, spoken)
    mentioned = [named for named in names(reading, 0, len(words)) if named.kind == PERSON]
    introduced = next((named.text for named in mentioned if _is_topic(reading, named)), None)
    quotation = find_quotation(reading, span.begin, span.stop, speeches)
    evidence = quotation or find_evidence(reading, _starts_line(text, span.begin))
    kind = QUOTED if quotation else REPORTED if evidence else OUTLET
    named, asks_back = (evidence.named, evidence.asks_back) if evidence else (None, False)
    if named is not None and named.kind == PRONOUN:
        named, asks_back = None, True
    return _Voice(
        kind, named, asks_back, numbers if quotation else (), tuple(named.text for named in mentioned), introduced
    )


def _is_topic(reading: Reading, named: Named) -> bool:
    """Whether the person opens the sentence or is presented by an office."""
    if named.governed:
        return False
    before = range(max(0, named.first - 4), named.first)
    return named.first == 0 or any(reading.length(at, reading.table.roles) for at in before)


def _starts_line(text: str, begin: int) -> bool:
    return begin == 0 or text[begin - 1] == "\n"


def _resolve(voices: Sequence[_Voice], paragraphs: Sequence[int]) -> list[Attribution]:
    speakers = _of_pronouns(voices)
    by_speech: dict[int, str] = {}
    for voice, speaker in zip(voices, speakers, strict=True):
        if speaker is not None:
            for number in voice.speeches:
                by_speech.setdefault(number, speaker)
    resolved: list[Attribution] = []
    for index, voice in enumerate(voices):
        speaker = speakers[index]
        if voice.kind == QUOTED and speaker is None and not voice.asks_back:
            speaker = next((by_speech[number] for number in voice.speeches if number in by_speech), None)
            speaker = speaker or _neighbour(voices, speakers, paragraphs, resolved, index)
            if speaker is not None:
                for number in voice.speeches:
                    by_speech.setdefault(number, speaker)
        resolved.append(Attribution(voice.kind, speaker if voice.kind != OUTLET else None))
    return resolved


def _of_pronouns(voices: Sequence[_Voice]) -> list[str | None]:
    """The speaker whom each sentence names, or to whom its pronoun points back."""
    speakers: list[str | None] = []
    last, last_at = None, -_MEMORY
    for index, voice in enumerate(voices):
        speaker = voice.named.text if voice.named else None
        if speaker is None and voice.asks_back and index - last_at <= _MEMORY:
            speaker = last
        speakers.append(speaker)
        newest = speaker or voice.introduced
        if newest:
            last, last_at = newest, index
    return speakers


def _neighbour(
    voices: Sequence[_Voice],
    speakers: Sequence[str | None],
    paragraphs: Sequence[int],
    resolved: Sequence[Attribution],
    index: int,
) -> str | None:
    """The speaker of a quotation whose own sentences name none: of the quotation beside it, else who is named there."""
    before, after = index - 1 if index else None, _after(voices, index)
    if before is not None and voices[before].kind != OUTLET and paragraphs[before] == paragraphs[index]:
        return resolved[before].speaker
    if after is not None and speakers[after] is not None:
        if voices[after].kind == REPORTED or (voices[after].kind == QUOTED and paragraphs[after] == paragraphs[index]):
            return speakers[after]
    for beside in (before, after):
        if beside is not None and voices[beside].kind == OUTLET and voices[beside].mentioned:
            return voices[beside].introduced or voices[beside].mentioned[0]
    return None


def _after(voices: Sequence[_Voice], index: int) -> int | None:
    """The first sentence behind the direct speech of ``index``."""
    after = index + 1
    while after < len(voices) and voices[after].speeches and voices[after].speeches[0] in voices[index].speeches:
        after += 1
    return after if after < len(voices) else None
