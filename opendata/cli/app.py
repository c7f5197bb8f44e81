"""The `od` group: finds commands lazily and ends every one of them the same way.

Here belongs what all commands share: the help's sections, did-you-mean for a mistyped name, and
the one place where an exception becomes a sentence and an exit code.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from opendata.cli.commands import (
    SECTIONS,
    all_commands,
    load_command,
    platform_is_installed,
)
from opendata.cli.failures import UnknownCommand, report_failure, warnings_as_sentences

PROGRAM = "od"
COMPLETE_VARIABLE = "_OD_COMPLETE"


class LazyGroup(click.Group):
    """A group whose commands are imported when they run, and named when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return [name for name, _ in all_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        return load_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a name that is none gets its nearest one."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UnknownCommand(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section; those that cannot run here say what they need."""
        complete = platform_is_installed()
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                rows = [(name, one.line(complete=complete)) for name, one in entries.items()]
                formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Command names without importing any command."""
        found = [
            CompletionItem(name, help=entry.help)
            for name, entry in all_commands()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line; every ending goes through one mapping to an exit code."""
        given = list(sys.argv[1:] if args is None else args)
        _write_anything()
        try:
            with warnings_as_sentences():
                code = super().main(
                    given, prog_name or PROGRAM, complete_var or COMPLETE_VARIABLE, False, **extra
                )
        except Exception as error:  # noqa: BLE001 - the one place where all errors end
            code = report_failure(error, as_json="--json" in given)
        sys.exit(code if isinstance(code, int) else 0)


def _write_anything() -> None:
    """Let a terminal without Unicode show a substitute instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"{PROGRAM}, version {installed_version()}")
    ctx.exit()


def installed_version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("opendata")
    except PackageNotFoundError:
        return "unknown (run from a folder that is not installed)"


@click.group(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 a fault of od, 2 bad input, 3 denied, 4 not found, 5 conflict, "
    "6 refused by a check, 7 out of reach, 130 interrupted.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def od() -> None:
    """Publish, freeze and use data: signed, immutable releases, verified to the last byte."""
