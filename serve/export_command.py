"""``tocsin export``: arguments only; compiled.py does the work."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from tocsin.serve.command import ENGINES

EXIT_REFUSED = 1


@click.command()
@click.argument("model", default="default")
@click.option("--engine", type=click.Choice(ENGINES[1:]), default="openvino")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder for model and report.")
def export(model: str, engine: str, out: Path) -> int:
    """Write a compiled model (OpenVINO IR) and its parity report.

    The model takes input_ids and attention_mask of shape (n, tokens) and gives raw logits, without the n-gram scores
    and the calibration that tocsin adds. Exit status: 0 written, 1 unusable or not close enough to PyTorch.
    """
    from transformers.utils import logging

    from tocsin.model import RhetoricClassifier
    from tocsin.serve.compiled import build
    from tocsin.serve.engine import check_packages

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    check_packages(engine)
    if out.exists():
        raise FileExistsError(f"expected no folder at {out}, found one; choose another name")
    if not out.parent.is_dir():
        raise FileNotFoundError(f"expected the folder {out.parent} for the export, found none; create it")
    with tempfile.TemporaryDirectory(prefix=".exporting-", dir=out.parent) as temporary:
        work = Path(temporary) / "engine"
        report = build(RhetoricClassifier.from_pretrained(model, device="cpu"), engine, work)
        os.replace(work, out)
    click.echo(report["verdict"])
    rates = report["sentences_per_second"]
    click.echo("sentences a second: " + ", ".join(f"{name} {rate}" for name, rate in rates.items()))
    if not report["parity"]["holds"]:
        click.echo(f"{engine} is not close enough to PyTorch; tocsin score will refuse it", err=True)
        return EXIT_REFUSED
    return 0
