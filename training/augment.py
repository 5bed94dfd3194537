"""Training texts as portals and commenters also write them: quotation marks, no diacritics, disguise.

None of these changes what a sentence says, so none may change its labels. Used on training rows only; the same
functions measure how far scores move (robustness.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tocsin.model.script import CYRILLIC, main_script, to_cyrillic, to_latin
from tocsin.training.config import Augmentation

SERBIAN = frozenset({"sr-Latn", "sr-Cyrl", "cnr"})  # languages that print both scripts
_PAIRS = (("„", "“"), ("„", "”"), ("“", "”"), ("»", "«"), ("«", "»"), ('"', '"'), ("'", "'"))
_QUOTED = re.compile(r"[„“»«\"](?P<said>[^„“”»«\"]+)[“”»«\"]")
_PLAIN = str.maketrans("čćžšČĆŽŠëçËÇ", "cczsCCZSecEC")
_DISGUISE = {"a": "@", "e": "3", "i": "1", "o": "0", "s": "$", "а": "@", "е": "3", "о": "0", "з": "3"}
_LOOKALIKE = str.maketrans("aeopcxyAEOPCXTHKMB", "аеорсхуАЕОРСХТНКМВ")  # Latin letters as Cyrillic ones
_WORD = re.compile(r"\w{4,}")


def other_script(text: str, lang: str) -> str:
    """Serbian and Montenegrin in the other script; any other text as it is.

    No training row is rewritten so: the network reads Serbian in Latin letters always (model_text.py).
    """
    if lang not in SERBIAN:
        return text
    return to_latin(text) if main_script(text) == CYRILLIC else to_cyrillic(text)


def other_quotes(text: str, rng: random.Random) -> str:
    """Every quotation between marks of one other style."""
    opening, closing = rng.choice(_PAIRS)
    return _QUOTED.sub(lambda match: f"{opening}{match['said']}{closing}", text)


def without_diacritics(text: str) -> str:
    """Letters of the region's Latin alphabets without their marks, as on a keyboard that lacks them."""
    return text.translate(_PLAIN).replace("đ", "dj").replace("Đ", "Dj")


def disguised(text: str, rng: random.Random, *, share: float = 0.3) -> str:
    """A share of the longer words with digits for letters, look-alike letters, a repeated letter or spaces."""

    def disguise(match: re.Match[str]) -> str:
        word = match.group()
        if rng.random() >= share:
            return word
        at = rng.randrange(1, len(word))
        ways: tuple[Callable[[], str], ...] = (
            lambda: "".join(_DISGUISE.get(letter, letter) for letter in word),
            lambda: word.translate(_LOOKALIKE),
            lambda: word[:at] + word[at] * 3 + word[at + 1 :],
            lambda: " ".join(word),
            lambda: f"{word[:at]}.{word[at:]}",
        )
        return rng.choice(ways)()

    return _WORD.sub(disguise, text)


def augmented(text: str, shares: Augmentation, rng: random.Random) -> str:
    """The text after whichever changes the random numbers choose, each with its own share."""
    if rng.random() < shares.quotes:
        text = other_quotes(text, rng)
    if rng.random() < shares.diacritics:
        text = without_diacritics(text)
    return disguised(text, rng) if rng.random() < shares.obfuscation else text
