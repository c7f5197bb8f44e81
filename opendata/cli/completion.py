"""`od completion`: the script that teaches a shell to complete `od`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from opendata.wire.errors import InvalidInput

_HOW = {
    "bash": 'eval "$(od completion bash)"      # in ~/.bashrc',
    "zsh": 'eval "$(od completion zsh)"       # in ~/.zshrc',
    "fish": "od completion fish | source       # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(sorted(_HOW)))
def completion(shell: str) -> None:
    """Print a completion script: commands, options, data set ids and releases."""
    from opendata.cli.app import COMPLETE_VARIABLE, PROGRAM, od

    kind = get_completion_class(shell)
    if kind is None:
        raise InvalidInput(f"this version of click cannot complete in {shell}")
    click.echo(kind(od, {}, PROGRAM, COMPLETE_VARIABLE).source())
