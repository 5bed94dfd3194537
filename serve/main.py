"""The command ``tocsin``: finds its subcommands by entry point and turns errors into one line and an exit status."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence

import click

ENTRY_POINTS = "tocsin.commands"
EXIT_UNUSABLE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
# What unusable inputs, options, checkpoints and files raise; anything else is a fault of ours and keeps its traceback.
_EXPECTED = (ValueError, OSError)


class _Commands(click.Group):
    """Subcommands loaded when they are asked for, so that help is instant and extras stay optional."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=cmd_name):
            command: click.Command = point.load()
            return command
        return None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tocsin")
def cli() -> None:
    """Divisive, escalatory, manipulative and conciliatory rhetoric in regional news, sentence by sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the exit status as docs/output-contract.md says."""
    try:
        status = cli.main(args=None if argv is None else list(argv), prog_name="tocsin", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: nothing was written; run the same command to start again", err=True)
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        click.echo(f"error: expected the package {error.name!r}, found none; pip install 'tocsin[training]'", err=True)
        return EXIT_UNUSABLE
    except _EXPECTED as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        return EXIT_UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
