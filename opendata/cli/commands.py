"""Which commands there are: name, one line of help, and where the command stands.

The help is read from here, so listing commands imports none of them. Commands of the platform have
their one line here too, because a plain install lists them with what they need; the platform's own
table (`dataplatform.cli.commands`) says where they stand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from opendata.wire.errors import NotFound

INSTALL_HINT: Final = "install opendata with its extra: opendata[platform]"
# Looked for by name only: the platform's commands cannot run without them.
_PLATFORM_NEEDS: Final = ("duckdb", "pydantic", "yaml")


@dataclass(frozen=True)
class CommandEntry:
    """One command; without a `target` (`module:attribute`) it is the platform's."""

    help: str
    target: str | None = None

    def line(self, *, complete: bool) -> str:
        """The help; where the platform is not installed, what it needs as well."""
        if self.target is None and not complete:
            return f"{self.help} (needs opendata[platform])"
        return self.help


SECTIONS: Final[dict[str, dict[str, CommandEntry]]] = {
    "Use data": {
        "search": CommandEntry("Find published data sets", "opendata.cli.search:search"),
        "info": CommandEntry("Show what there is to know of a data set", "opendata.cli.info:info"),
        "preview": CommandEntry("Show the first rows", "opendata.cli.preview:preview"),
        "load": CommandEntry("Read rows: show, count, save them", "opendata.cli.load:load"),
        "quarantine": CommandEntry(
            "Show the rows that rules took out", "opendata.cli.quarantine:quarantine"
        ),
        "releases": CommandEntry(
            "List the releases of a data set", "opendata.cli.releases:releases"
        ),
        "changelog": CommandEntry(
            "Tell what each release changed", "opendata.cli.changelog:changelog"
        ),
        "compat": CommandEntry(
            "Tell who can read what, and through which adapters", "opendata.cli.compat:compat"
        ),
        "verify": CommandEntry(
            "Hash everything again and name damage", "opendata.cli.verify:verify"
        ),
        "trace": CommandEntry("Show what a release was made of", "opendata.cli.trace:trace"),
    },
    "Publish data": {
        "init": CommandEntry("Write the files of a new data set"),
        "check": CommandEntry("Find mistakes in a producer, without running it"),
        "run": CommandEntry("Run a producer; with --publish, release what it made"),
        "push": CommandEntry("Publish a file as a data set"),
    },
    "Look after releases": {
        "diff": CommandEntry("Compare two releases"),
        "freeze": CommandEntry("Show whether releases are soft or hard; make them hard"),
        "patch": CommandEntry("Correct rows or fields of the current release"),
        "rollback": CommandEntry("Make an earlier release the current one again"),
        "yank": CommandEntry("Withdraw a release, or take that back"),
        "repair": CommandEntry("Finish what a crash left behind"),
        "retention": CommandEntry("Remove old candidates that were never frozen"),
        "gc": CommandEntry("Remove what no release or candidate needs"),
        "registry": CommandEntry("Add to the catalogue, or rebuild it"),
        "key": CommandEntry("Make, list, rotate and revoke the keys that sign releases"),
        "reproduce": CommandEntry("Build a release again from what it was made of"),
    },
    "Bundle files": {
        "bundle": CommandEntry("Channels of files, locked together", "opendata.cli.bundle:bundle"),
        "serve": CommandEntry("Serve bundles over HTTP"),
    },
    "Set up": {
        "demo": CommandEntry("Produce, block, publish and load real data sets, end to end"),
        "doctor": CommandEntry("Check this machine's set-up", "opendata.cli.doctor:doctor"),
        "cache": CommandEntry("Show or empty the download cache", "opendata.cli.cache:cache"),
        "completion": CommandEntry(
            "Print the completion script of a shell", "opendata.cli.completion:completion"
        ),
    },
}


def all_commands() -> Iterator[tuple[str, CommandEntry]]:
    """Every command in the order of the help."""
    for section in SECTIONS.values():
        yield from section.items()


def platform_is_installed() -> bool:
    """Whether the platform's commands can run here; asks without importing anything."""
    return all(find_spec(name) is not None for name in _PLATFORM_NEEDS)


def load_command(name: str) -> Any | None:
    """The click command of that name, or None where there is none.

    Raises:
        NotFound: if it is the platform's and that is not installed, saying what to install.
    """
    return load_part(name, dict(all_commands()).get(name))


def load_part(name: str, entry: CommandEntry | None) -> Any | None:
    """The click command of an entry; a sub-command is called by its group's name and its own.

    Raises:
        NotFound: as `load_command` does.
    """
    if entry is not None and entry.target is not None:
        return load_target(entry.target)
    target = platform_targets().get(name) if entry or platform_is_installed() else None
    return _load_of_platform(name, target) if target else None


def platform_targets() -> dict[str, str]:
    """Where the platform's commands stand, by name.

    Raises:
        NotFound: if the platform's part of the distribution is not there at all.
    """
    from opendata._platform import platform_part

    targets: dict[str, str] = platform_part("cli")
    return targets


def load_target(target: str) -> Any:
    """The object that `module:attribute` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _load_of_platform(name: str, target: str) -> Any:
    # Asked before, because commands import what they need only when they run.
    missing = next((need for need in _PLATFORM_NEEDS if find_spec(need) is None), None)
    if missing is not None:
        raise _needs(name, missing)
    try:
        return load_target(target)
    except ModuleNotFoundError as error:
        raise _needs(name, error.name) from error


def _needs(name: str, module: str | None) -> NotFound:
    return NotFound(
        f"od {name} needs {module}, which is not installed",
        code="platform_missing",
        hint=INSTALL_HINT,
    )
