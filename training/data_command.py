"""``tocsin data build|stats|check|export``: what a model is trained on, and rounds of annotation."""

from __future__ import annotations

import json
from pathlib import Path

import click

CONFIG = click.argument("config", type=click.Path(path_type=Path))
SET = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change one setting; may be repeated."
)


@click.group()
def data() -> None:
    """Build, describe, check and export labelled data."""


@data.command()
@CONFIG
@SET
def build(config: Path, overrides: tuple[str, ...]) -> None:
    """Read every source of a configuration into the cache; fails at a leak between splits."""
    from tocsin.training.config import load_config
    from tocsin.training.mixture import build_mixture, mixture_folder

    settings = load_config(config, overrides)
    mixture = build_mixture(settings)
    click.echo(f"rows: train {len(mixture.train)}, validation {len(mixture.validation)}, test {len(mixture.test)}")
    for reason, count in mixture.dropped.items():
        click.echo(f"left out: {reason}: {count}")
    click.echo(f"SHA-256 {mixture.sha256}")
    click.echo(f"in {mixture_folder(settings)}")


@data.command()
@CONFIG
@SET
@click.option("--card", type=click.Path(path_type=Path), help="Also write a data card (Markdown) here.")
def stats(config: Path, overrides: tuple[str, ...], card: Path | None) -> None:
    """Count rows by source, split, language and label."""
    from tocsin.training.config import load_config
    from tocsin.training.data_report import data_card, stats_lines
    from tocsin.training.mixture import build_mixture

    settings = load_config(config, overrides)
    mixture = build_mixture(settings)
    for line in stats_lines(mixture):
        click.echo(line)
    if card:
        card.write_text(data_card(mixture, settings), encoding="utf-8")


@data.command()
@CONFIG
@SET
def check(config: Path, overrides: tuple[str, ...]) -> int:
    """What a reviewer wants to know: counts, label co-occurrence, languages, licences, identity-word probe, leaks.

    Exit status 1 when something must be mended.
    """
    from tocsin.training.config import load_config
    from tocsin.training.data_report import check_lines
    from tocsin.training.mixture import build_mixture

    settings = load_config(config, overrides)
    lines, problems = check_lines(build_mixture(settings), settings)
    for line in lines:
        click.echo(line)
    for problem in problems:
        click.echo(f"problem: {problem}", err=True)
    return 1 if problems else 0


@data.command()
@click.argument("model")
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="TASKS.json; TASKS.xml is the interface.")
@click.option(
    "--order",
    default="uncertain",
    type=click.Choice(["uncertain", "disagreeing"]),
    show_default=True,
    help="Which sentences come first: scores close to a threshold, or far apart between MODEL and --against.",
)
@click.option("--against", default=None, help="A second checkpoint, for --order disagreeing.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Write only the first tasks.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
def export(
    model: str, rows: Path, out: Path, order: str, against: str | None, limit: int | None, device: str | None
) -> None:
    """Write Label Studio tasks with the model's predictions for sentences that still need a label.

    ROWS is CSV, TSV, JSON Lines or Parquet with a column text; lang, group, split, kind and attribution are kept.
    Annotate, export as JSON, and train on that file: [sources.mine] path = "export.json".
    """
    from tocsin.model import RhetoricClassifier
    from tocsin.training.label_studio import interface, make_tasks, ranking
    from tocsin.training.labelled_files import read_texts

    if (order == "disagreeing") != (against is not None):
        raise ValueError("expected --against together with --order disagreeing, found one of them; pass both or none")
    texts = read_texts(rows)
    classifier = RhetoricClassifier.from_pretrained(model, device=device)
    scores = classifier.predict_proba([str(row["text"]) for row in texts])
    other = None
    if against is not None:
        second = RhetoricClassifier.from_pretrained(against, device=device)
        if second.labels != classifier.labels:
            raise ValueError(f"expected two models of the same labels, found {classifier.labels} and {second.labels}")
        other = second.predict_proba([str(row["text"]) for row in texts])
    first = ranking(scores, classifier.thresholds, order, other=other)[:limit]
    tasks = make_tasks([texts[row] for row in first], scores[first], classifier.thresholds, classifier.model_id)
    out.write_text(json.dumps(tasks, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    out.with_suffix(".xml").write_text(interface(classifier.labels), encoding="utf-8")
    click.echo(f"{len(tasks)} tasks in {out}, the labelling interface in {out.with_suffix('.xml')}")
