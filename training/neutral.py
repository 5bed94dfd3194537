"""Neutral sentences that name the region's groups: the words alone must never raise a flag.

Patterns and names agree in grammar by being listed as they are printed; wordlists/neutral.toml holds them.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

_LISTS = Path(__file__).parent / "wordlists" / "neutral.toml"


@lru_cache(maxsize=1)
def neutral_sentences() -> tuple[tuple[str, str, str], ...]:
    """(language, group, sentence) for every pattern and group of every language."""
    with _LISTS.open("rb") as stream:
        lists = tomllib.load(stream)
    return tuple(
        (lang, group, pattern.replace("{group}", name))
        for lang, table in lists.items()
        for group, name in table["groups"].items()
        for pattern in table["patterns"]
    )
