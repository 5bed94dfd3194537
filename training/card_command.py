"""``tocsin card MODEL REPORT.json…``: a model card from a checkpoint and what was measured of it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("model")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="REPORT.json...")
@click.option("--out", default=None, type=click.Path(path_type=Path), help="[default: README.md in the checkpoint]")
def card(model: str, reports: tuple[Path, ...], out: Path | None) -> None:
    """Write the model card of a checkpoint from reports of 'tocsin evaluate' (validation, test)."""
    from tocsin.model.checkpoint import read_description, resolve_checkpoint
    from tocsin.training.card import model_card, read_report

    folder = resolve_checkpoint(model)
    text = model_card(folder, read_description(folder), [read_report(path) for path in reports])
    (out or folder / "README.md").write_text(text, encoding="utf-8")
