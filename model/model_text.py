"""The text exactly as the network is trained on it and fed with it: clean, and Serbian always in Latin letters.

One language printed in two scripts would otherwise be two for the network, each with half of the examples, and the same
threat could score differently in each.
"""

from __future__ import annotations

import re

from tocsin.model.languages import HBS, likeliest
from tocsin.model.normalise import clean
from tocsin.model.script import to_latin

_CYRILLIC = re.compile("[\u0400-\u052f]")
_ONLY_SERBIAN = re.compile("[ђћЂЋ]")
_NOT_SERBIAN = re.compile("[ѓќѕѐѝйщъыьэюяіїєґёЃЌЅЀЍЙЩЪЫЬЭЮЯІЇЄҐЁ]")


def model_text(text: str, language: str | None = None) -> str:
    """One clean line; ``language`` is the code of languages.py ("hbs"), detected from the text when not given."""
    return serbian_in_latin(clean(text), language)


def serbian_in_latin(text: str, language: str | None = None) -> str:
    """A text in Serbian Cyrillic in Latin letters, any other text as it is."""
    if not _CYRILLIC.search(text):
        return text
    if language is None:
        language = _cyrillic_language(text)
    return to_latin(text) if language == HBS else text


def _cyrillic_language(text: str) -> str | None:
    """By letters first: a sentence is short, and one without any letter of the others is Serbian or Macedonian."""
    if _ONLY_SERBIAN.search(text):
        return HBS
    return None if _NOT_SERBIAN.search(text) else likeliest(text, (HBS, "mk"))
