"""``tocsin show SCORED``: a scored file as a table, with the sentences when the articles are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

MAX_SENTENCE_CHARACTERS = 160


@click.command()
@click.argument("scored", type=click.Path(path_type=Path))
@click.option(
    "--articles",
    type=click.Path(path_type=Path),
    default=None,
    help="The JSON Lines that were scored, to print the sentences.",
)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Records to show.")
def show(scored: Path, articles: Path | None, limit: int) -> None:
    """Print a scored JSON Lines file as a table, each record with its strongest evidence."""
    texts = {str(row.get("id")): row for row in _read(articles)} if articles else {}
    table = Table(title=str(scored), show_lines=True)
    for heading in ("id", "language", "labels", "outlet's own", "strongest evidence"):
        table.add_column(heading, overflow="fold")
    for number, record in enumerate(_read(scored)):
        if number >= limit:
            table.caption = f"first {limit} records"
            break
        table.add_row(*_cells(record, texts.get(str(record["id"]), {})))
    Console(width=None if Console().is_terminal else 140).print(table)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"expected a JSON Lines file at {path}, found none; run tocsin score first")
    with path.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _cells(record: dict[str, Any], article: dict[str, Any]) -> list[str]:
    if record["status"] != "ok":
        return [str(record["id"]), str(record["language"]), record["status"], "", ""]
    labels = "\n".join(f"{label} {record['scores'][label]:.2f}" for label in record["labels"]) or "none"
    own = "\n".join(f"{record['outlet_scores'][label]:.2f}" for label in record["labels"])
    strongest = max(record["sentences"], key=lambda sentence: max(sentence["scores"].values()), default=None)
    return [str(record["id"]), str(record["language"]), labels, own, _evidence(strongest, article)]


def _evidence(sentence: dict[str, Any] | None, article: dict[str, Any]) -> str:
    if sentence is None or not sentence["labels"]:
        return ""
    voice = sentence["attribution"] + (f", {sentence['speaker']}" if sentence["speaker"] else "")
    source = str(article.get(sentence["where"], ""))
    text = source[sentence["start"] : sentence["end"]][:MAX_SENTENCE_CHARACTERS]
    place = f"{sentence['where']}[{sentence['start']}:{sentence['end']}]"
    return f"{text or place} ({voice}; {', '.join(sentence['labels'])})"
