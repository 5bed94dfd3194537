"""Undo what hides words from the model, and keep every character's place in the reader's text.

Each rule rewrites matches of one pattern. An :class:`Aligned` text carries, for every character, the span of the
original that it stands for, so that a sentence found in the clean text can be sliced out of what the reader sees.
All rules are linear in the length of the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

Rewrite = Callable[[re.Match[str]], str]

_BLOCK_TAGS = "p|div|br|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|section|article|figure|figcaption|header|footer"
_BLOCK_TAG = re.compile(rf"</?(?:{_BLOCK_TAGS})(?:\s[^<>]{{0,500}})?/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,15}(?:\s[^<>]{0,500})?/?>|<!--[^<>]{0,500}-->")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_SPACE = re.compile("[\t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_CLUSTER = re.compile(
    f"[^{_MARKS}][{_MARKS}]+|[\u0340-\u0344\u0374\u037e\u0387\u1f71-\u1ffd\u2000\u2001\u2126\u212a\u212b]"
)

_CYRILLIC = "\u0400-\u052f"
_LATIN = "A-Za-z\u00c0-\u024f"
_MIXED_WORD = re.compile(f"[{_LATIN}{_CYRILLIC}]+")
_HAS_LATIN, _HAS_CYRILLIC = re.compile(f"[{_LATIN}]"), re.compile(f"[{_CYRILLIC}]")
_LOOKALIKES = dict(zip("aceopxyijskmtbhACEOPXYIJSKMTBH", "асеорхуіјѕкмтвнАСЕОРХУІЈЅКМТВН", strict=True))
# Lower-case к м т в н differ from k m t b h in shape; only their capitals deceive a reader.
_TO_CYRILLIC = {latin: cyrillic for latin, cyrillic in _LOOKALIKES.items() if latin not in "kmtbh"}
_TO_LATIN = {cyrillic: latin for latin, cyrillic in _TO_CYRILLIC.items()}

_SPACED_OUT = re.compile(r"(?<![^\W_])[^\W\d_](?:([ .·*_\-])[^\W\d_])(?:\1[^\W\d_]){3,}(?![^\W_])")
_LEET_WORD = re.compile(r"(?<![\w@$.])[^\W\d_]+(?:[013457@$]{1,2}[^\W\d_]+)+(?![\w@$]|\.\w)")
_LEET_LATIN = str.maketrans("013457@$", "oieastas")
_LEET_CYRILLIC = str.maketrans("013457@$", "оізчстас")
_LEET_MIN_LETTERS = 4  # fewer would turn H2O, B2B and model names into words


@dataclass(frozen=True, slots=True)
class Aligned:
    """A text and where it comes from.

    ``starts[i]`` and ``ends[i]`` bound the original characters behind ``text[i]``; both are None while the text equals
    the original.
    """

    text: str
    starts: tuple[int, ...] | None = None
    ends: tuple[int, ...] | None = None

    def rewrite(self, pattern: re.Pattern[str], replacement: Rewrite) -> Aligned:
        """A new text in which every match is replaced; the replacement stands for the whole match."""
        pieces: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        done = 0
        for match in pattern.finditer(self.text):
            new = replacement(match)
            if new == match.group():
                continue
            self._copy(done, match.start(), pieces, starts, ends)
            pieces.append(new)
            starts.extend([self.start(match.start())] * len(new))
            ends.extend([self.end(match.end())] * len(new))
            done = match.end()
        if not done:
            return self
        self._copy(done, len(self.text), pieces, starts, ends)
        return Aligned("".join(pieces), tuple(starts), tuple(ends))

    def start(self, index: int) -> int:
        """Place in the original where the character at ``index`` begins."""
        return index if self.starts is None else self.starts[index]

    def end(self, index: int) -> int:
        """Place in the original just behind the character before ``index``; 0 for index 0."""
        return index if self.ends is None or index == 0 else self.ends[index - 1]

    def _copy(self, begin: int, stop: int, pieces: list[str], starts: list[int], ends: list[int]) -> None:
        pieces.append(self.text[begin:stop])
        if self.starts is None or self.ends is None:
            starts.extend(range(begin, stop))
            ends.extend(range(begin + 1, stop + 1))
        else:
            starts.extend(self.starts[begin:stop])
            ends.extend(self.ends[begin:stop])


def normalise(text: str) -> Aligned:
    """The text as the model should read it, aligned with ``text``.

    Tags and entities, invisible and control characters, decomposed letters, look-alike letters of the other script,
    spaced-out and leet spellings are undone; line breaks stay, since they separate sentences. Lone surrogates become
    U+FFFD.
    """
    aligned = Aligned(text)
    if "<" in text:
        aligned = aligned.rewrite(_BLOCK_TAG, lambda match: "\n").rewrite(_TAG, lambda match: " ")
    if "&" in text:  # twice, since feeds escape what was escaped before
        aligned = aligned.rewrite(_ENTITY, _unescape).rewrite(_ENTITY, _unescape)
    aligned = aligned.rewrite(_SURROGATE, lambda match: "\ufffd")
    aligned = aligned.rewrite(_LINE_BREAK, lambda match: "\n")
    aligned = aligned.rewrite(_SPACE, lambda match: " ")
    aligned = aligned.rewrite(_INVISIBLE, lambda match: "")
    if not unicodedata.is_normalized("NFC", aligned.text):
        aligned = aligned.rewrite(_CLUSTER, lambda match: unicodedata.normalize("NFC", match.group()))
    if _HAS_LATIN.search(aligned.text) and _HAS_CYRILLIC.search(aligned.text):
        aligned = aligned.rewrite(_MIXED_WORD, _homoglyph_rule(aligned.text))
    aligned = aligned.rewrite(_SPACED_OUT, _join_letters)
    return aligned.rewrite(_LEET_WORD, _unleet)


def clean(text: str) -> str:
    """One line of normalised text with single spaces; what the network reads is model_text.py's."""
    return " ".join(normalise(text).text.split())


def _unescape(match: re.Match[str]) -> str:
    return html.unescape(match.group())


def _homoglyph_rule(text: str) -> Rewrite:
    cyrillic_text = len(_HAS_CYRILLIC.findall(text)) > len(_HAS_LATIN.findall(text))

    def rule(match: re.Match[str]) -> str:
        word = match.group()
        cyrillic = len(_HAS_CYRILLIC.findall(word))
        latin = len(word) - cyrillic
        if not cyrillic or not latin:
            return word
        to_cyrillic = cyrillic > latin or (cyrillic == latin and cyrillic_text)
        table, foreign = (_TO_CYRILLIC, _HAS_LATIN) if to_cyrillic else (_TO_LATIN, _HAS_CYRILLIC)
        if any(character not in table for character in foreign.findall(word)):
            return word  # a real letter of the other script: a stem with a foreign ending, not a disguise
        return "".join(table.get(character, character) if foreign.match(character) else character for character in word)

    return rule


def _join_letters(match: re.Match[str]) -> str:
    text, separator = match.group(), match.group(1)
    if separator == "." and text.isupper():
        return text  # an acronym
    return text.replace(separator, "")


def _unleet(match: re.Match[str]) -> str:
    word = match.group()
    letters = sum(character.isalpha() for character in word)
    if letters < _LEET_MIN_LETTERS or letters < 2 * (len(word) - letters) or (word.isupper() and not word.islower()):
        return word
    return word.translate(_LEET_CYRILLIC if _HAS_CYRILLIC.search(word) else _LEET_LATIN)
