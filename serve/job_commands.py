"""``tocsin verify DIR`` and ``tocsin retry DIR``: arguments only."""

from __future__ import annotations

from pathlib import Path

import click

from tocsin.serve.command import ENGINES, EXIT_DEAD_LETTERS

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EXIT_WRONG = 1


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--without-inputs", is_flag=True, help="For inputs that are gone: check the files alone.")
def verify(folder: Path, *, without_inputs: bool) -> int:
    """Prove that a job folder is whole: records in = records out + dead letters, checksums, order.

    Exit status: 0 whole, 1 anything is wrong, the job is not finished, or its inputs have changed.
    """
    from tocsin.serve.verify import verify_job

    verdict = verify_job(folder, without_inputs=without_inputs)
    for line in verdict.lines():
        click.echo(line)
    return EXIT_WRONG if verdict.problems else 0


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--device", default=None, help="cpu, cuda, cuda:1 …  [default: as in the job]")
@click.option("--batch-tokens", type=click.IntRange(min=1), default=None, help="[default: as in the job]")
@click.option("--engine", type=click.Choice(ENGINES), default=None, help="[default: as in the job]")
def retry(folder: Path, device: str | None, batch_tokens: int | None, engine: str | None) -> int:
    """Score a finished job's dead letters again, after the cause is gone.

    Exit status: 0 none is left, 1 unusable, 3 some are left.
    """
    from transformers.utils import logging

    from tocsin.serve.retry import retry_job

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    summary = retry_job(folder, device=device, batch_tokens=batch_tokens, engine=engine)
    for line in summary.lines():
        click.echo(line, err=True)
    return EXIT_DEAD_LETTERS if summary.dead else 0
