"""Which script a text is written in, and Serbian Cyrillic to Latin and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

CYRILLIC, LATIN, GREEK, OTHER = "Cyrl", "Latn", "Grek", "Zzzz"  # ISO 15924

_SCRIPTS = {
    LATIN: re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]+"),
    CYRILLIC: re.compile("[\u0400-\u052f]+"),
    GREEK: re.compile("[\u0370-\u03ff\u1f00-\u1fff]+"),
}
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGRAPHS = {"љ": "lj", "њ": "nj", "џ": "dž"}
_SINGLE = dict(zip("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", strict=True))
_TO_LATIN = _SINGLE | _DIGRAPHS | {c.upper(): lat.capitalize() for c, lat in (_SINGLE | _DIGRAPHS).items()}
_TO_LATIN |= {"Љ": "Lj", "Њ": "Nj", "Џ": "Dž"}
_LATIN_TABLE = str.maketrans(_TO_LATIN)
_TO_CYRILLIC = {latin: cyrillic for cyrillic, latin in _TO_LATIN.items()} | {"LJ": "Љ", "NJ": "Њ", "DŽ": "Џ"}
_LATIN_UNIT = re.compile("dž|lj|nj|Dž|Lj|Nj|DŽ|LJ|NJ|.", re.DOTALL)
_CAPITAL_DIGRAPH = re.compile("(Lj|Nj|Dž)(?=[A-ZČĆŽŠĐ])")


def script_counts(text: str) -> dict[str, int]:
    """Letters of each script in the text; letters of a script that is not listed count as OTHER."""
    counts = {script: _characters(pattern, text) for script, pattern in _SCRIPTS.items()}
    counts[OTHER] = letter_count(text) - sum(counts.values())
    return counts


def letter_count(text: str) -> int:
    """Letters of any script in the text."""
    return _characters(_LETTERS, text)


def _characters(runs: re.Pattern[str], text: str) -> int:
    return sum(map(len, runs.findall(text)))  # runs: a list of single letters would take ten times as long


def main_script(text: str) -> str | None:
    """The script of most letters, None for a text without letters."""
    return most_frequent(script_counts(text))


def most_frequent(counts: Mapping[str, int]) -> str | None:
    """The script of most letters by their counts, None where there are no letters."""
    script = max(counts, key=lambda name: counts[name])
    return script if counts[script] > 0 else None


def to_latin(text: str) -> str:
    """Serbian Cyrillic letters in Latin, everything else unchanged."""
    return _CAPITAL_DIGRAPH.sub(lambda match: match.group().upper(), text.translate(_LATIN_TABLE))


def latin_casefold(text: str) -> str:
    """``to_latin`` and casefold in one pass, in which the case of a digraph does not matter."""
    return text.casefold().translate(_LATIN_TABLE)


def to_cyrillic(text: str) -> str:
    """Serbian Latin letters in Cyrillic; q, w, x and y, which Serbian lacks, stay.

    Digraphs are read as one letter, so that the rare word in which "nj" or "dž" are two ("injekcija") comes out wrong.
    """
    return "".join(_TO_CYRILLIC.get(unit, unit) for unit in _LATIN_UNIT.findall(text))
