"""``tocsin score INPUT… --out OUT``: arguments only; the work is in job.py."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

ENGINES = ("torch", "openvino", "openvino-bf16", "openvino-int8")  # as in engine.py, which loads torch
EXIT_DEAD_LETTERS = 3


def _thresholds(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """LABEL=P pairs as a dict."""
    del ctx, parameter  # click passes them
    thresholds = {}
    for value in values:
        label, _, number = value.partition("=")
        try:
            thresholds[label] = float(number)
        except ValueError:
            raise click.BadParameter(f"expected LABEL=P such as escalatory=0.8, found {value!r}") from None
    return thresholds


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--out",
    required=True,
    help="Output: a path or URL ending in .jsonl or .parquet, a job folder ending in / to be continued, or - (stdout).",
)
@click.option("--model", default="default", show_default=True, help="Checkpoint folder, or 'default'.")
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Stop after this many records.")
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    callback=_thresholds,
    metavar="LABEL=P",
    help="Probability from which a label is given; may be repeated.",
)
@click.option("--all-sentences", is_flag=True, help="List every sentence, not only those with a label.")
@click.option("--text-column", default="text", show_default=True, help="Field that holds the article's body.")
@click.option("--id-column", default="id", show_default=True, help="Field that holds the identifier.")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …; a GPU is taken when there is one.")
@click.option(
    "--engine",
    type=click.Choice(["auto", *ENGINES]),
    default="auto",
    show_default=True,
    envvar="TOCSIN_ENGINE",
    help="auto takes the fastest that decides as torch does, measured once a machine and model.",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "bf16"]),
    default="fp32",
    show_default=True,
    help="Of the engine torch: bf16 is faster on some processors and moves scores by up to 0.01.",
)
@click.option("--any-language", is_flag=True, help="Score languages that are not supported instead of abstaining.")
@click.option(
    "--batch-tokens",
    type=click.IntRange(min=1),
    default=2048,
    show_default=True,
    help="Tokens of one batch, padding included: 2048 fit 64 sentences of 32 tokens or 4 of 512; on a GPU try 16384. "
    "Compiled engines take 1024 at most.",
)
@click.option(
    "--dead-letters",
    default=None,
    help="File for records that cannot be scored. [default: OUT's name with .dead.jsonl]",
)
@click.option(
    "--format",
    "shard_format",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Of the shards in a job folder.",
)
@click.option(
    "--shard-records",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Records of one shard in a job folder: what a killed job of one process loses at most.",
)
@click.option(
    "--runner",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who scores the shards of a job folder: this process, or workers on a Ray cluster (docs/scaling.md).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Score a job folder in so many processes, each with the model and an equal part of the cores (with "
    "--runner ray on the cluster, or one GPU each). One that dies is replaced.  [default: this process alone]",
)
@click.option(
    "--ray-address",
    envvar="RAY_ADDRESS",
    default=None,
    help="HOST:PORT of a Ray cluster, or auto for the one of this machine. [default: start one here]",
)
def score(
    inputs: tuple[str, ...],
    out: str,
    model: str,
    overwrite: bool,
    limit: int | None,
    thresholds: dict[str, float],
    all_sentences: bool,
    text_column: str,
    id_column: str,
    device: str | None,
    engine: str,
    precision: str,
    any_language: bool,
    batch_tokens: int,
    dead_letters: str | None,
    shard_format: str,
    shard_records: int,
    runner: str,
    workers: int | None,
    ray_address: str | None,
) -> int:
    """Score articles.

    INPUT is a file (JSON Lines, CSV, TSV, Parquet or .txt), a folder or pattern of these, a URL such as
    s3://bucket/news/ for any of them, or - for JSON Lines on stdin.
    A job folder (--out DIR/) is continued by the same command, whatever ended it; see tocsin verify and tocsin retry.

    Exit status: 0 all records scored, 1 input or configuration unusable, 2 wrong usage, 3 finished with dead letters,
    130 interrupted.
    """
    from transformers.utils import logging

    from tocsin.serve.folder import run_folder_job
    from tocsin.serve.job import Job, run_job
    from tocsin.serve.records import Columns
    from tocsin.serve.remote import local_name

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    job = Job(
        inputs=[local_name(name) for name in inputs],
        out=local_name(out),
        model=model,
        overwrite=overwrite,
        limit=limit,
        thresholds=thresholds,
        all_sentences=all_sentences,
        columns=Columns(text_column, id_column),
        device=device,
        engine=engine,
        precision=precision,
        any_language=any_language,
        batch_tokens=batch_tokens,
        dead_letters=dead_letters and local_name(dead_letters),
        shard_format=shard_format,
        shard_records=shard_records,
        runner=runner,
        workers=workers,
        ray_address=ray_address,
    )
    if job.is_folder:
        summary = run_folder_job(job)
    else:
        with _terminable():
            summary = run_job(job)
    for line in summary.lines():
        click.echo(line, err=True)
    return EXIT_DEAD_LETTERS if summary.dead else 0


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM, by which batch systems stop a job, end it like Ctrl-C: with its temporary files removed."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
