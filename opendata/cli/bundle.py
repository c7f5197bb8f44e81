"""`od bundle`: bundles of channels, from a spec's commit to the files in them.

Here belongs which sub-commands there are; each stands in a module of its own, the platform's in
`dataplatform.cli.bundles`.
"""

from __future__ import annotations

from typing import Final

import click

from opendata.cli.commands import CommandEntry, load_part, platform_is_installed
from opendata.cli.failures import UnknownCommand

SUBCOMMANDS: Final[dict[str, CommandEntry]] = {
    "list": CommandEntry("List the published bundles", "opendata.cli.bundles.list:list_bundles"),
    "show": CommandEntry("Show what a bundle locks", "opendata.cli.bundles.show:show"),
    "files": CommandEntry("List a bundle's files by time", "opendata.cli.bundles.files:files"),
    "download": CommandEntry("Fetch files, verified", "opendata.cli.bundles.download:download"),
    "index": CommandEntry("Index a bundle's spec: channels, lock, document"),
    "check": CommandEntry("Find mistakes in a spec repository"),
    "diff": CommandEntry("Compare two bundles"),
    "status": CommandEntry("Show completeness, delay and damage"),
    "verify": CommandEntry("Hash files again and name damage"),
    "repair": CommandEntry("Mend what the status names; plans first"),
    "adopt": CommandEntry("Make a channel of a file lake that exists"),
    "workflows": CommandEntry("Write the two repositories' GitHub workflows"),
}


class BundleGroup(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        entry = SUBCOMMANDS.get(cmd_name)
        return load_part(f"bundle {cmd_name}", entry) if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a name that is none gets its nearest one."""
        if args and not args[0].startswith("-") and args[0] not in SUBCOMMANDS:
            raise UnknownCommand(args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands; those that cannot run here say what they need."""
        complete = platform_is_installed()
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.line(complete=complete)) for name, entry in SUBCOMMANDS.items()]
            )


@click.group(name="bundle", cls=BundleGroup, no_args_is_help=True)
def bundle() -> None:
    """Channels of files, locked together: index, list and watch them.

    \b
    od bundle index bundles/weekly/model-v1.0.0-2025.25.yaml
    od bundle files model --channel image_original --start 2025-06-01T12:00Z
    """
