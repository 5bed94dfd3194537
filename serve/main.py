"""The command ``tocsin``: finds its subcommands by entry point and turns errors into one line and an exit status."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence

import click

ENTRY_POINTS = "tocsin.commands"
EXIT_UNUSABLE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


class _Commands(click.Group):
    """Subcommands loaded when they are asked for, so that help is instant and extras stay optional."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=cmd_name):
            try:
                command: click.Command = point.load()
            except ModuleNotFoundError as error:
                return _not_installed(cmd_name, _missing(error))
            return command
        return None


def _not_installed(name: str, reason: str) -> click.Command:
    """A command that stands in for one whose packages are missing: it can be listed, and says what to install."""

    def refuse() -> None:
        raise ValueError(reason)

    return click.Command(
        name,
        callback=refuse,
        help=f"Not installed: {reason}.",
        short_help="Not installed: pip install 'tocsin[training]'",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _missing(error: ModuleNotFoundError) -> str:
    return f"expected the package {error.name!r}, found none; pip install 'tocsin[training]' for training, or reinstall"


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
    except (KeyboardInterrupt, click.Abort) as error:
        said = str(error.__cause__ or error) or "no output file was left behind; run the same command to start again"
        click.echo(f"interrupted: {said}", err=True)
        return EXIT_INTERRUPTED
    except ModuleNotFoundError as error:
        return _refuse(_missing(error))
    except (ValueError, OSError) as error:  # anything else is a fault of ours and keeps its traceback
        return _refuse(_sentence(error))


def _refuse(message: str) -> int:
    line = " ".join(message.split()).encode("utf-8", "backslashreplace").decode()
    click.echo(f"error: {line}", err=True)
    return EXIT_UNUSABLE


def _sentence(error: Exception) -> str:
    """What an error says; the system's own errors say neither what was expected nor what to do."""
    if isinstance(error, OSError) and error.errno is not None:
        return (
            f"expected to read and write {error.filename or 'the files'}, found {error.strerror!r}; "
            "check its rights and the space left"
        )
    text = str(error)
    return text if text.startswith("expected ") else f"expected usable input and options, found: {text}"


if __name__ == "__main__":
    sys.exit(main())
