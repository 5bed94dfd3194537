"""Which languages are supported, and which one a text is written in.

Identification is py3langid's, whose model is part of its package. It cannot tell Bosnian, Croatian, Montenegrin and
Serbian apart reliably, so a detected text of these is called ``hbs`` (ISO 639-3) with its script; a caller's own tag is
kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from tocsin.model.script import CYRILLIC, GREEK, LATIN, OTHER, letter_count, main_script, most_frequent, script_counts

HBS = "hbs"
HBS_MEMBERS = frozenset({"bs", "cnr", "hbs", "hr", "me", "sh", "sr", "srp", "hrv", "bos"})

# Language -> scripts in which the region and its neighbours print it.
SUPPORTED: dict[str, frozenset[str]] = {
    "en": frozenset({LATIN}),
    "sq": frozenset({LATIN}),
    "mk": frozenset({CYRILLIC}),
    HBS: frozenset({LATIN, CYRILLIC}),
    "bg": frozenset({CYRILLIC}),
    "sl": frozenset({LATIN}),
    "el": frozenset({GREEK}),
    "tr": frozenset({LATIN}),
    "ro": frozenset({LATIN}),
    "pl": frozenset({LATIN}),
    "ru": frozenset({CYRILLIC}),
    "uk": frozenset({CYRILLIC}),
    "de": frozenset({LATIN}),
    "it": frozenset({LATIN}),
    "es": frozenset({LATIN}),
}

_TAG = re.compile(
    r"(?P<language>[A-Za-z]{2,3})(?:[-_][A-Za-z]{3})?(?:[-_](?P<script>[A-Za-z]{4}))?(?:[-_][A-Za-z0-9]+)*"
)
_LONG_CODES = {
    "eng": "en", "sqi": "sq", "alb": "sq", "mkd": "mk", "mac": "mk", "bul": "bg", "slv": "sl", "ell": "el", "gre": "el",
    "tur": "tr", "ron": "ro", "rum": "ro", "pol": "pl", "rus": "ru", "ukr": "uk", "deu": "de", "ger": "de", "ita": "it",
    "spa": "es", "mo": "ro",
}  # fmt: skip
_SAMPLE_CHARACTERS = 3000  # identification is certain long before; the rest would only cost time
_MIN_LETTERS = 3
_SENTENCE_MIN_LETTERS = 40  # shorter sentences are identified too unreliably to contradict their article
_SENTENCE_MIN_CONFIDENCE = 0.9
_ABSTAIN_CONFIDENCE = 0.45  # below it an unsupported guess on a short text loses to the best supported one
_FOREIGN_SHARE = 0.5  # of letters in a script that is neither Latin, Cyrillic nor Greek


@dataclass(frozen=True, slots=True)
class Language:
    """A decided language.

    ``tag`` is what the output says; ``code`` selects rules ("hbs", "mk", …) and is None when the language is not
    supported; ``script`` is the main script of the text.
    """

    tag: str
    code: str | None
    script: str | None


def from_tag(tag: str, text: str) -> Language:
    """The caller's own BCP 47 tag, kept as given; a malformed or unknown tag is not supported."""
    match = _TAG.fullmatch(tag.strip())
    script = main_script(text)
    if match is None:
        return Language(tag, None, script)
    code = match["language"].lower()
    code = _LONG_CODES.get(code, code)
    code = HBS if code in HBS_MEMBERS else code
    return Language(tag, code if code in SUPPORTED else None, script)


def code_of(tag: str) -> str | None:
    """The code that selects rules for a BCP 47 tag ("hbs" for "sr-Cyrl"); None for an unknown or empty tag."""
    return from_tag(tag, "").code


def detect(text: str) -> Language:
    """The language of a text by its letters; "und" when there are too few to tell."""
    sample = text[:_SAMPLE_CHARACTERS]
    counts = script_counts(sample)
    letters = sum(counts.values())
    script = most_frequent(counts)
    if letters < _MIN_LETTERS or script is None:
        return Language("und", None, script)
    ranked = _rank(sample)
    best, confidence = ranked[0]
    if script == OTHER or counts[OTHER] > _FOREIGN_SHARE * letters:
        return Language(best if best not in SUPPORTED else "und", None, script)
    if not _fits(best, script) and (confidence < _ABSTAIN_CONFIDENCE or best in SUPPORTED):
        best = next((code for code, _ in ranked if _fits(code, script)), best)
    if not _fits(best, script):
        return Language(best, None, script)
    return Language(f"{HBS}-{script}" if best == HBS else best, best, script)


def likeliest(text: str, codes: tuple[str, ...]) -> str:
    """The likeliest of the languages ``codes``, however unlikely."""
    ranks = dict(_rank(text))
    return max(codes, key=lambda code: ranks.get(code, 0.0))


def detect_sentence(sentence: str, article: Language) -> Language:
    """The article's language, unless the sentence is long and clearly in another one."""
    if letter_count(sentence) < _SENTENCE_MIN_LETTERS:
        return article
    best, confidence = _identifier().classify(" ".join(sentence.split()))
    if best in HBS_MEMBERS and article.code != HBS:
        best, confidence = _rank(sentence)[0]  # only its varieties together can be likely enough
    if confidence < _SENTENCE_MIN_CONFIDENCE or best == article.code or (best in HBS_MEMBERS and article.code == HBS):
        return article
    return detect(sentence)


def _fits(code: str, script: str) -> bool:
    return script in SUPPORTED.get(code, frozenset())


def _rank(text: str) -> list[tuple[str, float]]:
    """Languages with probabilities, best first, the standard varieties of hbs added up."""
    merged: dict[str, float] = {}
    for code, probability in _identifier().rank(" ".join(text.split())):
        code = HBS if code in HBS_MEMBERS else code
        merged[code] = merged.get(code, 0.0) + probability
    return sorted(merged.items(), key=lambda item: -item[1])


def load_identifier() -> None:
    """Read the model of the identification now, which takes over half a second, instead of with the first text."""
    _identifier()


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
