"""Whose words a sentence holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .segment import Span
from .tables import LanguageTable

OUTLET, QUOTED, REPORTED = "outlet", "quoted", "reported"


@dataclass(frozen=True, slots=True)
class Attribution:
    """Voice of a sentence and its speaker as printed, None where there is none or none is named."""

    kind: str
    speaker: str | None


def attribute(text: str, spans: Sequence[Span], tables: Sequence[LanguageTable]) -> list[Attribution]:
    """One attribution a span of the normalised text."""
    return [Attribution(OUTLET, None) for _ in spans]
