"""``tocsin train CONFIG --out FOLDER``: arguments only; the work is in run.py."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = "Configurations: training/README.md and training/default.toml."


def _seeds(ctx: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    del ctx, parameter  # click passes them
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(f"expected numbers such as 1,2,3, found {value!r}") from None


@click.command(epilog=EPILOG)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new checkpoint.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting, such as epochs=1 or sources.polar.max_rows=500; may be repeated.",
)
@click.option("--seeds", callback=_seeds, help="Train one run a seed (1,2,3) and report mean and standard deviation.")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted run in the folder.")
@click.option("--device", default=None, help="cpu or cuda; a GPU is taken when there is one.")
@click.option("--overwrite", is_flag=True, help="Replace a checkpoint that stands in the folder.")
def train(
    config: Path,
    out: Path,
    overrides: tuple[str, ...],
    seeds: tuple[int, ...],
    resume: bool,
    device: str | None,
    overwrite: bool,
) -> None:
    """Train a classifier after a TOML configuration."""
    from tocsin.model.checkpoint import DESCRIPTION
    from tocsin.training.config import load_config
    from tocsin.training.run import say, train_seeds
    from tocsin.training.run import train as run_training

    for folder in [out / f"seed-{seed}" for seed in seeds] or [out]:
        if (folder / DESCRIPTION).exists() and not (overwrite or resume):
            raise FileExistsError(
                f"expected no checkpoint in {folder}, found one; choose another folder or pass --overwrite"
            )
    if resume and seeds:
        raise ValueError("expected --resume or --seeds, found both; resume each seed's folder by itself")
    settings = load_config(config, overrides)
    if not seeds:
        run_training(settings, out, device=device, resume=resume)
        return
    for name, value in train_seeds(settings, seeds, out, device=device).items():
        say(f"{name} {value:.4f}")
