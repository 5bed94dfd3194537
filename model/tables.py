"""Word tables of each language: abbreviations, months, attributing verbs, roles.

One TOML file a language in ``model/wordlists``; a linguist extends them without touching code. Serbian and its siblings
are kept in Latin script, Cyrillic text is compared after transliteration.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from pathlib import Path

from tocsin.model.languages import HBS
from tocsin.model.script import latin_casefold

_FOLDER = Path(__file__).parent / "wordlists"
_ANY = "en"  # whose table serves texts of an unsupported language that are scored on request


@dataclass(frozen=True, slots=True)
class LanguageTable:
    """The words of one language, casefolded; phrases keep single spaces between their words.

    The tables say what each set is for. Those that default to empty may be missing from a table.
    """

    code: str
    ordinals: bool
    verbs: frozenset[str]
    weak_verbs: frozenset[str]
    according_to: frozenset[str]
    complementisers: frozenset[str]
    pronouns: frozenset[str]
    roles: frozenset[str]
    not_speakers: frozenset[str]
    institutions: frozenset[str]
    abbreviations: frozenset[str]
    final_abbreviations: frozenset[str]
    months: frozenset[str]
    articles: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    negations: frozenset[str] = frozenset()
    impersonal: frozenset[str] = frozenset()
    auxiliaries: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()
    bare_clauses: bool = False

    def fold(self, word: str) -> str:
        """A word of a text in the form in which the table holds it."""
        return latin_casefold(word) if self.code == HBS else word.casefold()


@lru_cache(maxsize=32)
def load_table(code: str | None) -> LanguageTable:
    """The table of a supported language code; the English one when the code is None."""
    code = code or _ANY
    values = tomllib.loads((_FOLDER / f"{code}.toml").read_text(encoding="utf-8"))
    sets = [field for field in fields(LanguageTable) if field.name not in ("code", "ordinals", "bare_clauses")]
    required = {field.name for field in sets if field.default is MISSING}
    words = {
        field.name: frozenset(word.casefold() for word in values[field.name])
        for field in sets
        if field.name in required or field.name in values
    }
    bare_clauses = bool(values.get("bare_clauses", False))
    return LanguageTable(code=code, ordinals=bool(values["ordinals"]), bare_clauses=bare_clauses, **words)
