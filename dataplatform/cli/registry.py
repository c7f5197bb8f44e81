"""`od registry`: the catalogue `index.json`, which is derived from what is published (S1-60…63).

The pointers are the truth: adding an entry refreshes it from them, and rebuilding makes all of it
anew, whatever was lost or written by hand.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opendata.cli.output import Output, with_output
from opendata.wire.errors import Corrupt
from opendata.wire.words import counted

if TYPE_CHECKING:
    from dataplatform.releases.ports import ReleasePorts
    from dataplatform.releases.repair import Finding
    from opendata.wire.catalogue import Catalogue
    from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class Registered:
    """What registering a definition came to; `release` is None where nothing was published yet."""

    id: str
    release: str | None
    generation: int | None

    def to_json(self) -> dict[str, Any]:
        """The outcome by name."""
        return asdict(self)


class Registry:
    """The catalogue of one store, for programs: load it, add to it, make it anew."""

    def __init__(self, ports: ReleasePorts) -> None:
        self._ports = ports

    @classmethod
    def from_environment(cls) -> Registry:
        """The registry of the store in reach."""
        from dataplatform.cli.place import find_settings
        from dataplatform.wiring import from_settings

        return cls(from_settings(find_settings()).ports)

    def load(self) -> Catalogue:
        """The catalogue as it stands.

        Raises:
            NotFound: where nothing was published yet.
        """
        from opendata.reading.catalogue import load_catalogue

        return load_catalogue(self._ports.store)

    def register_from_file(self, path: str | Path) -> Registered:
        """Check a definition and refresh the entry of its data set.

        Raises:
            NotFound, InvalidDefinition: if the file is missing or wrong.
        """
        from dataplatform.adapters.producers.folder import load_producer
        from dataplatform.cli.place import producer_folder

        folder = producer_folder(str(Path(path).expanduser().absolute()))
        assert folder is not None  # an absolute path is a folder or an error
        return self.register(load_producer(folder).id)

    def register(self, dataset: DatasetId) -> Registered:
        """Refresh one entry from the data set's pointer."""
        from dataplatform.releases.health import read_recorded_health
        from dataplatform.releases.index import join_index
        from dataplatform.releases.metadata import build_entry
        from opendata.reading.resolve import read_current

        release = read_current(self._ports.store, dataset)
        if release is None or release.pointer is None:
            return Registered(str(dataset), None, None)
        health = read_recorded_health(self._ports.store, dataset)
        entry = build_entry(dataset, release.manifest, release.pointer, health)
        join_index(self._ports, [entry])
        return Registered(str(dataset), entry.release, entry.generation)

    def rebuild(self) -> tuple[Catalogue, list[Finding]]:
        """Make the catalogue anew from all pointers; what cannot be read is named."""
        from dataplatform.releases.repair import rebuild_index

        return rebuild_index(self._ports)


@click.group()
def registry() -> None:
    """The catalogue: index.json, as `od search` reads it."""


@registry.command()
@click.argument("path", metavar="PATH|NS/NAME")
@with_output
def add(out: Output, path: str) -> None:
    """Check a definition and bring its entry up to date with what is published."""
    from dataplatform.cli.place import find_producer, find_settings

    producer = find_producer(find_settings(), path)
    registered = Registry.from_environment().register(producer.id)

    def show() -> None:
        if registered.release is None:
            out.line(f"✓ the definition of {registered.id} is in order", fg="green")
            out.line("  it is not published yet, so there is nothing to list:")
            out.line(f"  od run {registered.id} --publish")
        else:
            out.line(f"✓ {registered.id}@{registered.release} is in the catalogue", fg="green")

    out.result(registered.to_json(), show, [registered.id])


@registry.command()
@with_output
def rebuild(out: Output) -> int:
    """Make index.json anew from the pointers; ends with 6 if one of them cannot be read."""
    catalogue, problems = Registry.from_environment().rebuild()

    def show() -> None:
        out.line(f"✓ {counted(len(catalogue.datasets), 'data set')} in the catalogue", fg="green")
        for problem in problems:
            out.line(f"✗ {problem.dataset}: {problem.problem}", fg="red")

    out.result(
        {
            "datasets": [entry.id for entry in catalogue.datasets],
            "problems": [problem.to_json() for problem in problems],
        },
        show,
        (entry.id for entry in catalogue.datasets),
    )
    return Corrupt.exit_code if problems else 0
