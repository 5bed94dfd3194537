"""A scored file as a table for a reader: each record with its strongest evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from tocsin.model.labels import FLAGGING
from tocsin.serve.inputs import expand_inputs
from tocsin.serve.readers import check_file, read_file
from tocsin.serve.records import Columns, Record

MAX_SENTENCE_CHARACTERS = 160
_HEADINGS = ("id", "language", "labels", "outlet's own", "strongest evidence")
_NEEDED = frozenset({"id", "language", "status", "labels", "scores", "outlet_scores", "sentences"})
# A text must not move the cursor, change the colours or turn the writing of the terminal it is shown on.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " ")

Scored = Mapping[str, Any]  # an output record as JSON gives it


def scored_table(scored: Path, articles: Path | None, columns: Columns, limit: int) -> Table:
    """The first ``limit`` records of a scored file; only their articles are kept in memory."""
    records = list(islice(read_scored(scored), limit + 1))
    texts = _read_articles(articles, columns, {repr(record["id"]) for record in records}) if articles else {}
    table = Table(title=Text(_clean(str(scored))), show_lines=True)
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold")
    for record in records[:limit]:
        # Text, since square brackets in a plain string would be read as styles.
        table.add_row(*map(Text, cells(record, texts.get(repr(record["id"])))))
    if len(records) > limit:
        table.caption = f"first {limit} records"
    return table


def read_scored(path: Path) -> Iterator[Scored]:
    """Records of a scored JSON Lines file; ValueError names the line that is none."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a scored JSON Lines file at {path}, found none; run tocsin score first")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"expected JSON Lines in {path}:{number}, found {error}; give the file that tocsin score wrote"
                ) from error
            missing = _NEEDED.difference(record) if isinstance(record, dict) else _NEEDED
            if missing:
                raise ValueError(
                    f"expected a scored record in {path}:{number}, found no {', '.join(sorted(missing))}; "
                    "give the file that tocsin score wrote"
                )
            yield record


def _read_articles(path: Path, columns: Columns, wanted: set[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for file in expand_inputs([str(path)]):
        if file is not None:
            check_file(file, columns)
        for item in read_file(file, columns, lambda _: None):
            if isinstance(item, Record) and repr(item.id) in wanted:
                found.setdefault(repr(item.id), item)
    return found


def cells(record: Scored, article: Record | None) -> list[str]:
    """The texts of one row of the table; sentences are sliced out of the article when it is given."""
    name, language = _clean(str(record["id"])), _clean(str(record["language"]))
    scores, own = record["scores"], record["outlet_scores"]
    if scores is None:
        return [name, language, record["status"], "", ""]
    # What raised the flag comes first, however sure the model is of a conciliatory sentence beside it.
    shown = sorted(record["labels"], key=lambda label: (label not in FLAGGING, -scores[label]))
    shown = shown or [max(scores, key=scores.__getitem__)]
    labels = "\n".join(f"{label} {scores[label]:.2f}" for label in shown)
    evidence = max(record["sentences"], key=lambda sentence: sentence["scores"][shown[0]], default=None)
    return [
        name,
        language,
        labels if record["labels"] else f"none ({labels})",
        "\n".join(f"{own[label]:.2f}" for label in shown),
        _evidence(evidence, article) if evidence and record["labels"] else "",
    ]


def _evidence(sentence: Mapping[str, Any], article: Record | None) -> str:
    voice = sentence["attribution"] + (f", {sentence['speaker']}" if sentence["speaker"] else "")
    place = f"{sentence['where']}[{sentence['start']}:{sentence['end']}]"
    source = ((article.title if sentence["where"] == "title" else article.text) or "") if article else ""
    text = source[sentence["start"] : sentence["end"]]
    if len(text) > MAX_SENTENCE_CHARACTERS:
        text = text[:MAX_SENTENCE_CHARACTERS] + "…"
    return _clean(f"{text or place} ({voice}; {', '.join(sentence['labels']) or 'no label'})")


def _clean(text: str) -> str:
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode()
