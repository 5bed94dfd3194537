"""What must hold in the regional corpus; each check yields one line a violation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tocsin.training.dedupe import fold, near_copy_pairs
from tocsin.training.example import TEST, TRAIN, VALIDATION
from tocsin.training.records import ANSWERING_KINDS, CALM_KINDS, CONCILIATORY_KINDS, PAIR, PASSAGE, Record

MIN_CALM_SHARE = 0.4  # of sentences without a label: news is mostly calm
MIN_PAIRED_SHARE = 1 / 3
PASSAGE_SENTENCES = range(5, 13)
SPLIT_SHARES = {TRAIN: 0.7, VALIDATION: 0.1, TEST: 0.2}
SPLIT_TOLERANCE = 0.015
# Letters of names in Latin text of any language; the last is the dot that lower() leaves of a capital İ.
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_LOANS = "áàâäãåčćçđéèêëíîïñńóôöøőřśşšúûüűýÿźžžßłąęğıōūășşțţ\u0307"
ALPHABETS = {
    "en": _LATIN + _LOANS,
    "sq": _LATIN + _LOANS,
    **dict.fromkeys(("bs", "cnr", "hr", "sr-Latn"), _LATIN + _LOANS),
    "mk": "абвгдѓежзѕијклљмнњопрстќуфхцчџшѐѝ",
    "sr-Cyrl": "абвгдђежзијклљмнњопрстћуфхцчџшѐ",
}
_WORD = re.compile(r"[^\W\d_]+")
_LATIN_WORD = re.compile(rf"[{_LATIN}{_LOANS}]+")
_CYRILLIC_LANGS = frozenset({"mk", "sr-Cyrl"})
_CLOSES = {"„": "“”", "“": "”", "”": "”", "»": "«", "«": "»", '"': '"'}
_DOUBLE = re.compile('[„“”»«"]')


def check_records(records: Sequence[Record]) -> Iterator[str]:
    """Every check of this module over a whole corpus."""
    yield from repeated_ids(records)
    yield from kinds_against_labels(records)
    yield from stray_letters(records)
    yield from open_quotations(records)
    yield from units(records)
    yield from copies(records)
    yield from shares(records)


def repeated_ids(records: Iterable[Record]) -> Iterator[str]:
    """Identifiers must be unique."""
    for name, count in Counter(record.id for record in records).items():
        if count > 1:
            yield f"{name}: expected a unique id, found it {count} times"


def kinds_against_labels(records: Iterable[Record]) -> Iterator[str]:
    """A calm kind has no label, a rhetorical device has one, a conciliatory kind calms."""
    for record in records:
        if record.kind in CALM_KINDS and record.labels:
            yield f"{record.id}: expected no label on kind {record.kind}, found {', '.join(record.labels)}"
        elif record.kind in ANSWERING_KINDS and set(record.labels) - {"conciliatory"}:
            yield f"{record.id}: expected at most conciliatory on kind {record.kind}, found {', '.join(record.labels)}"
        elif record.kind in CONCILIATORY_KINDS and "conciliatory" not in record.labels:
            yield f"{record.id}: expected conciliatory on kind {record.kind}, found {list(record.labels)}"
        elif record.kind not in CALM_KINDS | ANSWERING_KINDS and not record.labels:
            yield f"{record.id}: expected a label on kind {record.kind}, found none"


def stray_letters(records: Iterable[Record]) -> Iterator[str]:
    """Words in the alphabet of their language; a Cyrillic text may hold whole Latin words (NATO), never mixed ones."""
    for record in records:
        alphabet = set(ALPHABETS[record.lang])
        for word in _WORD.findall(record.text):
            letters = word.lower()
            latin = record.lang in _CYRILLIC_LANGS and _LATIN_WORD.fullmatch(letters)
            if not latin and (stray := sorted(set(letters) - alphabet)):
                yield f"{record.id}: expected letters of {record.lang}, found {', '.join(stray)} in {word!r}"


def open_quotations(records: Sequence[Record]) -> Iterator[str]:
    """Quotation marks balance in every sentence, in a passage over the whole passage (a quotation may run on)."""
    passages: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.form == PASSAGE:
            passages[record.unit].append(record)
        elif left := unbalanced(record.text):
            yield f"{record.id}: expected balanced quotation marks, found {left!r} open"
    for unit, members in passages.items():
        if left := unbalanced(" ".join(member.text for member in members)):
            yield f"{unit}: expected balanced quotation marks, found {left!r} open"


def unbalanced(text: str) -> str:
    """Double quotation marks that stay open, or close nothing; empty when all balance."""
    waiting: list[str] = []
    for mark in _DOUBLE.findall(text):
        if waiting and mark in _CLOSES[waiting[-1]]:
            waiting.pop()
        else:
            waiting.append(mark)
    return "".join(waiting)


def units(records: Iterable[Record]) -> Iterator[str]:
    """A pair has two members of one language with different labels, a passage 5 to 12 sentences; no unit is divided."""
    members: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        members[record.unit].append(record)
    for unit, found in members.items():
        if len({record.split for record in found}) > 1:
            yield f"{unit}: expected one split, found {sorted({record.split for record in found})}"
        if len({record.lang for record in found}) > 1:
            yield f"{unit}: expected one language, found {sorted({record.lang for record in found})}"
        form, size = found[0].form, len(found)
        if form == PAIR and (size != 2 or found[0].labels == found[1].labels):
            yield f"{unit}: expected two members with different labels, found {[record.labels for record in found]}"
        elif form == PASSAGE and size not in PASSAGE_SENTENCES:
            yield f"{unit}: expected a passage of 5 to 12 sentences, found {size}"
        elif form not in (PAIR, PASSAGE) and size != 1:
            yield f"{unit}: expected one sentence, found {size}"


def copies(records: Sequence[Record]) -> Iterator[str]:
    """No sentence stands twice, and none is a near-copy of one in another unit, least of all in another split.

    Members of one unit may share words: that is what twins are for.
    """
    seen: dict[str, str] = {}
    for record in records:
        key = fold(record.text)
        if key in seen:
            yield f"{record.id}: expected a sentence of its own, found that of {seen[key]}"
        seen[key] = record.id
    for first, second in near_copy_pairs([record.text for record in records], [record.unit for record in records]):
        one, other = records[first], records[second]
        if fold(one.text) != fold(other.text):
            where = "in one split" if one.split == other.split else f"across {one.split} and {other.split}"
            yield f"{other.id}: expected no near-copy in another unit, found {one.id} {where}"


def shares(records: Sequence[Record]) -> Iterator[str]:
    """Shares of calm sentences, of paired ones and of the splits."""
    count = len(records)
    calm = sum(not record.labels for record in records) / count
    paired = sum(record.form == PAIR for record in records) / count
    if calm < MIN_CALM_SHARE:
        yield f"expected at least {MIN_CALM_SHARE:.0%} of sentences without a label, found {calm:.1%}"
    if paired < MIN_PAIRED_SHARE:
        yield f"expected at least a third of sentences in near-twin pairs, found {paired:.1%}"
    for split, share in SPLIT_SHARES.items():
        found = sum(record.split == split for record in records) / count
        if abs(found - share) > SPLIT_TOLERANCE:
            yield f"expected {share:.0%} of sentences in {split}, found {found:.1%}"
