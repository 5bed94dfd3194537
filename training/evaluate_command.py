"""``tocsin evaluate MODEL DATA --out REPORT`` and ``tocsin compare A B DATA``: arguments only."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tocsin.training.example import TEST, VALIDATION

SPLIT = click.Choice([VALIDATION, TEST, "all"])
DATA_HELP = (
    "DATA is a configuration (.toml), whose sources are read, or a labelled file (CSV, TSV, JSON Lines, Parquet)."
)


@click.command(epilog=DATA_HELP)
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="REPORT.json; REPORT.html stands beside it."
)
@click.option("--split", default=None, type=SPLIT, help="[default: validation; all rows of a labelled file]")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
@click.option("--baseline/--no-baseline", default=True, show_default=True, help="N-grams on the same rows beside it.")
def evaluate(model: str, data: Path, out: Path, split: str | None, device: str | None, baseline: bool) -> None:
    """Measure a checkpoint: metrics with intervals, slices, fairness, robustness, calibration, plots, worst errors."""
    from tocsin.model import RhetoricClassifier
    from tocsin.training.evaluate import summary_lines
    from tocsin.training.report import make_report

    if not out.parent.is_dir():
        raise FileNotFoundError(f"expected the folder {out.parent} for the report, found none; create it")
    classifier = RhetoricClassifier.from_pretrained(model, device=device)
    report = make_report(classifier, data, split=split, baseline=baseline)
    report.save(out)
    for line in summary_lines(report.metrics, classifier.labels):
        click.echo(line)


@click.command(epilog=DATA_HELP)
@click.argument("one")
@click.argument("other")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", default=None, type=click.Path(path_type=Path), help="JSON file for the figures.")
@click.option("--split", default=None, type=SPLIT, help="[default: validation; all rows of a labelled file]")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
def compare(one: str, other: str, data: Path, out: Path | None, split: str | None, device: str | None) -> None:
    """Say whether checkpoint OTHER is better than ONE, by a paired bootstrap over the same rows."""
    from tocsin.model import RhetoricClassifier
    from tocsin.training.compare import compare as compare_scores
    from tocsin.training.report import labelled_rows
    from tocsin.training.scored import score_rows

    models = [RhetoricClassifier.from_pretrained(name, device=device) for name in (one, other)]
    if models[0].labels != models[1].labels:
        raise ValueError(f"expected two models of the same labels, found {models[0].labels} and {models[1].labels}")
    rows = labelled_rows(data, models[0].labels, split)
    scored = [score_rows(model, rows, model.labels) for model in models]
    metrics = compare_scores(scored[0], scored[1], models[0].thresholds, models[1].thresholds)
    if out:
        names = {"one": models[0].model_id, "other": models[1].model_id}
        out.write_text(json.dumps(names | {"metrics": metrics}, indent=1) + "\n", encoding="utf-8")
    click.echo(f"{'F1':14} {models[0].model_id} -> {models[1].model_id}, difference [95% interval], p")
    for name in dict.fromkeys(key.split("/")[0] for key in metrics):
        values = {key.split("/")[1]: value for key, value in metrics.items() if key.startswith(f"{name}/")}
        click.echo(
            f"{name:14} {values['one']:.3f} -> {values['other']:.3f}, {values['difference']:+.3f} "
            f"[{values['low']:+.3f}, {values['high']:+.3f}], p={values['p']:.3f}"
        )
