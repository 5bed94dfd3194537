"""One adapter a corpus: the only code that knows its files and says which native label means which of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tocsin.training.adapters import hate, own, rhetoric, sober
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
    "slavic-persuasion": rhetoric.slavic_persuasion,
    "unlp2025": rhetoric.telegram_manipulation,
    "threatgram101": rhetoric.threatgram,
    "germeval": rhetoric.germeval_violence,
    "regional-news-ud": sober.regional_news,
    "osce-trilingual": sober.osce,
    "unscon": sober.unscon,
    "cameo": sober.cameo,
    "checkthat-subjectivity": sober.objective_news,
    "babe": sober.bias,
    "parlasent-bcs": sober.parliaments,
}
