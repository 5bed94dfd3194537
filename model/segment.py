"""Cut text into sentences, with places in the text the reader sees.

A rule-based segmenter of our own: of the maintained libraries none knows the abbreviations and ordinals of Albanian,
Macedonian or Serbian (sentencex 1.0 cut "prof. dr.", "25. maja", "br. 5" and "tzv. reforma"; pysbd has no such language
and no release since 2021; the neural ones download their models). Every rule looks a bounded distance around one mark,
so the work is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tocsin.model.normalise import Aligned
from tocsin.model.tables import LanguageTable

MAX_CHARACTERS = 500  # longer sentences are cut, so that none ever exceeds what the encoder can read
_LOOK_BEHIND = 40  # characters before a full stop that can hold its abbreviation
_WRAPPED_MIN_LINES, _WRAPPED_WIDTH = 4, range(45, 101)

_CLOSERS = "\"'”“’»«›)]}"
_OPENERS = "\"'„“”‘‚«»‹([{—–-"
_END = re.compile(rf"[.!?…‽。！？]+(?:\[\d{{1,3}}\])*[{re.escape(_CLOSERS)}]*")
_GREEK_END = re.compile(rf"[.!?…;;]+[{re.escape(_CLOSERS)}]*")
_WORD_BEFORE = re.compile(r"[^\W_]+(?:[.\-'’][^\W_]+)*$")
_ELISION = re.compile(r"^[^\W\d_]{1,4}['’](?=\w)")  # "l'art."
# A., z., U.S., N.N. and initials that are written with two letters, but no word of two letters, nor primer.mk or 18.30.
_INITIALS = re.compile(r"[^\W\d_]|[^\W\d_](?:\.[^\W\d_]{1,2})+|Lj|Nj|Dž|Dh|Gj|Ll|Rr|Sh|Th|Xh|Zh")
_ROMAN = re.compile(r"[IVXLC]+")
_NEXT_WORD = re.compile(r"[^\W_]+")
_CLAUSE_MARK = re.compile(r"[;:,.!?…–—]\s+(?=\S)")
_BULLET = re.compile(r"\s*(?:[-–—•*·▪]|\(?\d{1,3}[.)])\s")
_OPENING_CHARACTERS = 14  # "U maju 2023. Vlada…": a date that opens a sentence does not end it
_YEAR = 1000  # a number from here on is a year rather than an ordinal before a noun


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence: ``begin`` and ``stop`` in the normalised text, ``start`` and ``end`` in the original.

    ``paragraph`` numbers the paragraph it stands in; ``cut`` is set on each part of an over-long sentence.
    """

    begin: int
    stop: int
    start: int
    end: int
    paragraph: int
    cut: bool


def segment(aligned: Aligned, original: str, table: LanguageTable) -> list[Span]:
    """Sentences in order, which do not overlap and cover every character of ``original`` that is not white space."""
    text = aligned.text
    spans: list[Span] = []
    paragraph = 0
    for begin, stop, is_new_paragraph in _lines(text):
        paragraph += is_new_paragraph
        for left, right in _sentences(text, begin, stop, table):
            pieces = list(_cut(text, left, right))
            for piece_left, piece_right in pieces:
                start, end = aligned.start(piece_left), aligned.end(piece_right)
                spans.append(Span(piece_left, piece_right, start, end, paragraph, len(pieces) > 1))
    return _cover(spans, original)


def _lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """Stretches of text that no sentence crosses, and whether a blank line stands before each."""
    wrapped = _is_hard_wrapped(text)
    begin, new_paragraph = 0, True
    for match in re.finditer(r"\n\s*", text):
        blank = match.group().count("\n") > 1
        if not blank and not _is_line_end(text, begin, match, wrapped):
            continue
        if text[begin : match.start()].strip():
            yield begin, match.start(), new_paragraph
            new_paragraph = False
        new_paragraph = new_paragraph or blank
        begin = match.end()
    if text[begin:].strip():
        yield begin, len(text), new_paragraph


def _is_line_end(text: str, begin: int, match: re.Match[str], wrapped: bool) -> bool:
    following = text[match.end() : match.end() + 8]
    if not following:
        return True
    if _BULLET.match(following):
        return True
    if wrapped:
        return False
    # A line that goes on in lower case was broken inside a sentence, unless it had ended one.
    previous = text[max(begin, match.start() - 3) : match.start()].rstrip(_CLOSERS)
    return not following[0].islower() or previous.endswith((".", "!", "?", "…", ":", ";"))


def _is_hard_wrapped(text: str) -> bool:
    """Whether line breaks stand at a fixed width, as in e-mail or agency copy, and not after sentences."""
    lines = [line for line in text[:20_000].split("\n") if line.strip()]
    if len(lines) < _WRAPPED_MIN_LINES or max(map(len, lines)) >= _WRAPPED_WIDTH.stop:
        return False
    unfinished = [line for line in lines if not line.rstrip().endswith((".", "!", "?", "…", ":", "”", "“", '"'))]
    return len(unfinished) >= len(lines) // 2 and sum(len(line) in _WRAPPED_WIDTH for line in lines) >= 0.6 * len(lines)


def _sentences(text: str, begin: int, stop: int, table: LanguageTable) -> Iterator[tuple[int, int]]:
    left = _skip_space(text, begin, stop)
    for match in (_GREEK_END if table.code == "el" else _END).finditer(text, begin, stop):
        if match.end() < stop and _ends_sentence(text, left, match, stop, table):
            yield left, match.end()
            left = _skip_space(text, match.end(), stop)
    right = stop - (len(text[left:stop]) - len(text[left:stop].rstrip()))
    if left < right:
        yield left, right


def _skip_space(text: str, at: int, stop: int) -> int:
    while at < stop and text[at].isspace():
        at += 1
    return at


def _ends_sentence(text: str, left: int, match: re.Match[str], stop: int, table: LanguageTable) -> bool:
    mark, end = match.group(), match.end()
    after = text[end : min(stop, end + 60)]
    if not after[0].isspace():
        return _is_missing_space(text, match, after)
    rest = after.lstrip()
    opened = rest.lstrip(_OPENERS + " ")
    closes_quote = mark[-1] in _CLOSERS and mark[-1] not in ")]}"
    if closes_quote and rest[:1] in "–—-" and rest[1:2].isspace():
        return False  # "…!" – rekao je načelnik: the dash brings the speaker
    first = opened[:1]
    if not first or first.islower():
        return False
    if mark[0] != "." or mark.startswith(".."):
        return True
    return _is_final_stop(text, left, match.start(), opened, table)


def _is_missing_space(text: str, match: re.Match[str], after: str) -> bool:
    """A space was forgotten: "kraj.Vlada". Not in "Node.js", "U.S.", "3.5" or before a closing mark."""
    before = text[max(0, match.start() - 2) : match.start()]
    return (
        len(match.group()) == 1
        and len(before) == 2
        and before.isalpha()
        and before.islower()
        and after[0].isupper()
        and after[1:2].islower()
    )


def _is_final_stop(text: str, left: int, at: int, following: str, table: LanguageTable) -> bool:
    """Whether the full stop at ``at``, before a word that could begin a sentence, ends one."""
    found = _WORD_BEFORE.search(text, max(left, at - _LOOK_BEHIND), at)
    if found is None:
        return True
    raw = _ELISION.sub("", found.group())
    word = table.fold(raw)
    next_match = _NEXT_WORD.match(following)
    next_word = table.fold(next_match.group()) if next_match else ""
    opens = next_word in table.not_speakers
    if raw.isdigit():
        return _number_ends(text, left, found, next_word, opens, table)
    if word in table.final_abbreviations:
        return _final_abbreviation_ends(text, left, found, word, opens, table)
    if word in table.abbreviations or word.rsplit(".", 1)[-1] in table.abbreviations:
        return False
    if _INITIALS.fullmatch(raw) or (table.ordinals and _ROMAN.fullmatch(raw)):
        return opens  # initials, acronyms and ordinals go on, unless a word follows that opens sentences
    return True


def _final_abbreviation_ends(
    text: str, left: int, found: re.Match[str], word: str, opens: bool, table: LanguageTable
) -> bool:
    if found.group().isupper() or word in table.abbreviations:
        return opens  # "U.S. Army" against "in the U.S. The"; "2 Mio. Euro" against "2 Mio. Viele"
    if len(word) > 1:
        return True
    # One letter behind a number is the word for year, which rarely ends a sentence that it begins.
    is_year = text[max(left, found.start() - 3) : found.start()].rstrip(" .")[-1:].isdigit()
    return opens or (is_year and found.end() - left > _OPENING_CHARACTERS)


def _number_ends(text: str, left: int, found: re.Match[str], next_word: str, opens: bool, table: LanguageTable) -> bool:
    if not text[left : found.start()].strip(_OPENERS + " "):
        return False  # the mark of a list item
    if next_word in table.months:
        return False
    if not table.ordinals or opens:
        return True
    is_year = int(found.group()) >= _YEAR and found.end() - left > _OPENING_CHARACTERS
    return is_year or text[found.start() - 1] in ":,-–/%"


def _cut(text: str, left: int, right: int) -> Iterator[tuple[int, int]]:
    """The sentence itself, or parts of at most MAX_CHARACTERS: at clause marks, else at spaces, else anywhere."""
    while right - left > MAX_CHARACTERS:
        limit = left + MAX_CHARACTERS
        marks = [match.start() + 1 for match in _CLAUSE_MARK.finditer(text, left + MAX_CHARACTERS // 2, limit)]
        at = marks[-1] if marks else text.rfind(" ", left + 1, limit)
        if at <= left:
            at = limit
        yield left, left + len(text[left:at].rstrip())
        left = _skip_space(text, at, right)
    if left < right:
        yield left, right


def _cover(spans: list[Span], original: str) -> list[Span]:
    """Give characters that were removed from between sentences (tags, invisible ones) to the sentence before."""
    if not spans:
        start = len(original) - len(original.lstrip())
        end = len(original.rstrip())
        return [Span(0, 0, start, end, 1, cut=False)] if start < end else []
    covered = []
    for index, span in enumerate(spans):
        start = span.start if index else 0
        limit = spans[index + 1].start if index + 1 < len(spans) else len(original)
        end = max(span.end, start + len(original[start:limit].rstrip()))
        start += len(original[start:end]) - len(original[start:end].lstrip())
        covered.append(Span(span.begin, span.stop, start, end, span.paragraph, span.cut))
    return covered
