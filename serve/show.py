"""``tocsin show SCORED --articles INPUT``: arguments only; the work is in scored_table.py."""

from __future__ import annotations

from pathlib import Path

import click

_WIDTH = 140  # characters, where there is no terminal to ask


@click.command()
@click.argument("scored", type=click.Path(path_type=Path))
@click.option(
    "--articles",
    type=click.Path(path_type=Path),
    default=None,
    help="The file that was scored, to print the sentences.",
)
@click.option("--text-column", default="text", show_default=True, help="Field of the articles that holds the body.")
@click.option("--id-column", default="id", show_default=True, help="Field of the articles that holds the identifier.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Records to show.")
def show(scored: Path, articles: Path | None, text_column: str, id_column: str, limit: int) -> None:
    """Print a scored JSON Lines file as a table, each record with its strongest evidence.

    "Outlet's own" is the score without the words that the article quotes or reports.
    """
    from rich.console import Console

    from tocsin.serve.records import Columns
    from tocsin.serve.scored_table import scored_table

    table = scored_table(scored, articles, Columns(text_column, id_column), limit)
    console = Console()
    (console if console.is_terminal else Console(width=_WIDTH)).print(table)
