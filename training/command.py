"""``tocsin train CONFIG --out FOLDER`` and ``tocsin evaluate MODEL CONFIG --out METRICS.json``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tocsin.training.example import TEST, VALIDATION


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new checkpoint.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
@click.option("--overwrite", is_flag=True, help="Replace a checkpoint that stands in the folder.")
def train(config: Path, out: Path, device: str | None, overwrite: bool) -> None:
    """Train a classifier after a TOML configuration (see training/default.toml)."""
    from tocsin.model.checkpoint import DESCRIPTION
    from tocsin.training.config import load_config
    from tocsin.training.run import train as run_training

    if (out / DESCRIPTION).exists() and not overwrite:
        raise FileExistsError(f"expected no checkpoint in {out}, found one; choose another folder or pass --overwrite")
    run_training(load_config(config), out, device=device)


@click.command()
@click.argument("model")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON file for the metrics.")
@click.option("--split", default=VALIDATION, type=click.Choice([VALIDATION, TEST]), show_default=True)
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
@click.option("--baseline", is_flag=True, help="Also train n-grams on the same rows and report them beside.")
def evaluate(model: str, config: Path, out: Path, split: str, device: str | None, baseline: bool) -> None:
    """Measure a checkpoint on the validation or test rows of a configuration's sources."""
    from tocsin.model import RhetoricClassifier
    from tocsin.training.config import load_config
    from tocsin.training.evaluate import summary_lines
    from tocsin.training.run import report

    classifier = RhetoricClassifier.from_pretrained(model, device=device)
    metrics = report(classifier, load_config(config), split=split, baseline=baseline)
    out.write_text(json.dumps({"model": classifier.model_id, "split": split, "metrics": metrics}, indent=1) + "\n")
    for line in summary_lines(metrics):
        click.echo(line)
