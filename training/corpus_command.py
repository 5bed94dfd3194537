"""``tocsin corpus check`` and ``tocsin corpus page``: what a reviewer of the regional corpus wants."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tocsin.training.records import CORPUS

_FOLDER = click.argument("folder", type=click.Path(path_type=Path), default=CORPUS, required=False)


@click.group()
def corpus() -> None:
    """Check and read the regional corpus."""


@corpus.command()
@_FOLDER
def check(folder: Path) -> None:
    """Check the corpus in FOLDER (the shipped one unless given): report on stdout, violations on stderr, exit 1 on any.

    Schema, letters, quotation marks, near-copies, pairs, splits, shares, identity-word probe, annotator agreement.
    """
    from tocsin.training.corpus_report import report
    from tocsin.training.records import read_corpus

    lines, problems = report(list(read_corpus(folder)), folder / "annotations")
    click.echo("\n".join(lines))
    for problem in problems:
        click.echo(problem, err=True)
    click.echo(f"{len(problems)} violation{'' if len(problems) == 1 else 's'}", err=True)
    sys.exit(1 if problems else 0)


@corpus.command()
@_FOLDER
@click.option("--out", required=True, type=click.Path(path_type=Path), help="HTML file, one self-contained page.")
@click.option("--split", default="train", type=click.Choice(["train", "validation", "test", "all"]), show_default=True)
def page(folder: Path, out: Path, split: str) -> None:
    """Write a page to read the corpus by language, kind and label, with the members of a pair side by side.

    The test part is left out unless asked for: nobody should tune after having read it.
    """
    from tocsin.training.corpus_page import render
    from tocsin.training.records import read_corpus

    records = [record for record in read_corpus(folder) if split in ("all", record.split)]
    out.write_text(render(records), encoding="utf-8")
    click.echo(f"{out}: {len(records)} sentences")
