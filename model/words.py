"""A sentence as words that can be looked up in the tables of its language."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tocsin.model.tables import LanguageTable

_WORD = re.compile(r"[^\W_]+(?:[.'\u2019\-][^\W_]+)*")


class Word(NamedTuple):
    """A word at its place in the text; ``gap`` is what stands between it and the word before, without spaces."""

    begin: int
    stop: int
    raw: str
    folded: str
    gap: str

    @property
    def is_capital(self) -> bool:
        """Whether it is written with a capital letter."""
        return self.raw[0].isupper()

    @property
    def is_acronym(self) -> bool:
        """Whether it begins with two capitals, as bodies and media do: MUP-a, SETimes."""
        return self.raw[:2].isupper() and len(self.raw) > 1


@dataclass(frozen=True, slots=True)
class Reading:
    """The words of one sentence; ``spoken`` says of each whether it stands inside direct speech."""

    text: str
    table: LanguageTable
    words: Sequence[Word]
    spoken: Sequence[bool]

    def length(self, at: int, entries: frozenset[str]) -> int:
        """How many words of the sentence from ``at`` on make the longest entry that stands there, 0 for none."""
        phrases = _phrases(entries).get(self.words[at].folded)
        if phrases is None:  # nearly always
            return 0
        return next((len(phrase) for phrase in phrases if self._stands(at, phrase)), 0)

    def has(self, at: int, entries: frozenset[str]) -> bool:
        """Whether the word ``at``, which may lie outside the sentence, is an entry."""
        return 0 <= at < len(self.words) and self.words[at].folded in entries

    def is_verb(self, at: int) -> bool:
        """Whether an attributing verb begins at the word."""
        return bool(self.length(at, self.table.verbs) or self.length(at, self.table.weak_verbs))

    def printed(self, first: int, last: int) -> str:
        """The text from word ``first`` to word ``last``, both included."""
        return self.text[self.words[first].begin : self.words[last].stop]

    def _stands(self, at: int, phrase: tuple[str, ...]) -> bool:
        words = self.words[at : at + len(phrase)]
        return (
            len(words) == len(phrase)
            and all(word.folded == part for word, part in zip(words, phrase, strict=True))
            and not any(word.gap for word in words[1:])
        )


def read_words(text: str, begin: int, stop: int, table: LanguageTable) -> list[Word]:
    """The words of ``text[begin:stop]``."""
    words, done = [], begin
    for match in _WORD.finditer(text, begin, stop):
        raw, (first, last) = match.group(), match.span()
        words.append(Word(first, last, raw, table.fold(raw), text[done:first].strip()))
        done = last
    return words


@lru_cache(maxsize=512)
def _phrases(entries: frozenset[str]) -> dict[str, list[tuple[str, ...]]]:
    """Entries by their first word, the longest first."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in sorted((tuple(entry.split(" ")) for entry in entries), key=lambda phrase: (-len(phrase), phrase)):
        found.setdefault(phrase[0], []).append(phrase)
    return found
