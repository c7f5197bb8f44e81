"""What the systemd units say, as a process needs it: its environment and its command.

Units name an installation in `/opt/opendata`; `Installation` puts it, and the folders that a unit
may write to, elsewhere. What systemd itself makes of a unit is not repeated here: the tests ask
`systemd-analyze`.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from dataplatform_tests.house.tree import ROOT

UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("opendata-code", "opendata-webserver", "opendata-daemon", "opendata-api")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def settings_of(path: Path) -> list[tuple[str, str]]:
    """Every `Key=value` line of a unit or of an environment file, in order."""
    lines = path.read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if re.match(r"[A-Za-z_]\w*=", line))
    return [(key, value) for key, value in pairs]


@dataclass(frozen=True)
class Installation:
    """Where this installation has what the units look for in `/opt/opendata` and `/var`."""

    programs: Path
    """For `/opt/opendata/.venv/bin`."""
    root: Path

    def place(self, text: str) -> str:
        """The text of a unit with its folders replaced by the ones here."""
        text = text.replace("/opt/opendata/.venv/bin", str(self.programs))
        text = text.replace("/opt/opendata", str(self.root / "opt"))
        text = text.replace("/var/lib/opendata", str(self.root / "state"))
        return text.replace("/var/cache/opendata", str(self.root / "cache"))


@dataclass(frozen=True)
class Unit:
    """One service, as this installation would start it."""

    name: str
    installation: Installation

    def _all(self, key: str) -> list[str]:
        settings = settings_of(UNITS / f"{self.name}.service")
        return [self.installation.place(value) for name, value in settings if name == key]

    def environment(self, **files: str) -> dict[str, str]:
        """Its own variables; those of its environment files, given here, take their place."""
        own = dict(pair.split("=", 1) for pair in self._all("Environment"))
        return own | files

    def environment_files(self) -> list[str]:
        """The names of the files that it reads variables from."""
        return [Path(path).name for path in self._all("EnvironmentFile")]

    def command(self, environment: dict[str, str]) -> list[str]:
        """Its `ExecStart`, with its variables put in."""
        [line] = self._all("ExecStart")
        return [_VARIABLE.sub(lambda m: environment[m[1]], word) for word in shlex.split(line)]

    def working_folder(self) -> Path:
        """Where it is started."""
        [folder] = self._all("WorkingDirectory")
        return Path(folder)
