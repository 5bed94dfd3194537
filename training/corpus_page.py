"""A self-contained page to read the corpus: filters by language, kind and label, twins side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tocsin.model.labels import LABELS
from tocsin.training.records import KINDS, LANGUAGES, PAIR, PASSAGE, Record

_TEMPLATES = Path(__file__).parent / "pages"
_SHOWN = ("id", "text", "lang", "labels", "attribution", "kind", "unit", "split")


def render(records: Sequence[Record]) -> str:
    """HTML of the page; texts travel as JSON and are written as text, never as markup."""
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    rows = [{name: asdict(record)[name] for name in _SHOWN} for record in records]
    # "<" is escaped so that no text can close the script element it travels in.
    data = json.dumps(rows, ensure_ascii=False).replace("<", "\\u003c")
    names = {record.lang for record in records}
    return environment.get_template("corpus.html.j2").render(
        data=data,
        languages=[lang for lang in LANGUAGES if lang in names],
        kinds=sorted(KINDS),
        labels=LABELS,
        pair=PAIR,
        passage=PASSAGE,
    )
