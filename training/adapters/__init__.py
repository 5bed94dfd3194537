"""One adapter a corpus: the only code that knows its files and says which native label means which of ours."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tocsin.training.adapters import hate, more, own, rhetoric, sober
from tocsin.training.example import Example
from tocsin.training.records import SOURCE

Adapter = Callable[[Path], Iterator[Example]]

ADAPTERS: dict[str, Adapter] = {
    SOURCE: own.regional_corpus,
    "serbian-hate": hate.serbian_hate,
    "polar": hate.polar,
    "gahd-de": hate.gahd,
    "multitarget-conan": hate.multitarget_conan,
    "albanian-conan": hate.albanian_conan,
    "implicit-hate": hate.implicit_hate,
    "implicit-abuse-identity": hate.implicit_abuse,
    "white-supremacist": hate.white_supremacist,
    "hatexplain": more.hatexplain,
    "us-vs-them": more.us_vs_them,
    "ethos": more.ethos,
    "gab-hate": more.gab_hate,
    "openai-moderation": more.openai_moderation,
    "news-ro-offense": more.news_ro_offense,
    "slavic-persuasion": rhetoric.slavic_persuasion,
    "unlp2025": rhetoric.telegram_manipulation,
    "threatgram101": rhetoric.threatgram,
    "germeval": rhetoric.germeval_violence,
    "regional-news-ud": sober.regional_news,
    "osce-trilingual": sober.osce,
    "unscon": sober.unscon,
    "cameo": sober.cameo,
    "petrarch-gsr": more.petrarch_gsr,
    "checkthat-subjectivity": sober.objective_news,
    "babe": sober.bias,
    "parlasent-bcs": sober.parliaments,
}

_CATALOGUE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class CorpusCard:
    """Where a corpus comes from and how its labels are read."""

    url: str
    licence: str
    languages: tuple[str, ...]  # BCP 47, as the adapter gives them
    mapping: str


@lru_cache(maxsize=1)
def catalogue() -> dict[str, CorpusCard]:
    """The card of every source, by its name; also of newsagendas, which has whole articles and so no adapter."""
    tables = tomllib.loads(_CATALOGUE.read_text(encoding="utf-8"))
    return {name: CorpusCard(**table | {"languages": tuple(table["languages"])}) for name, table in tables.items()}
