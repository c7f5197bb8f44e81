"""What `od demo` shows: chapters, outcomes, tables and the way on. Nothing here decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from opendata._dataset import Dataset
from opendata._settings import Settings
from opendata.reading.verify import verify_dataset
from opendata.wire.ids import parse_reference
from opendata.wire.words import counted, human_bytes

EXAMPLES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("getopendata/world-airports", {"columns": ["icao", "name", "country", "elevation"]}),
    ("getopendata/world-airports@1.0.0", {"columns": ["icao", "name", "country", "elevation"]}),
    (
        "getopendata/ecb-euro-reference-rates",
        {
            "start": "2026-09-01",
            "end": "2026-09-30",
            "filters": [("currency", "==", "USD")],
        },
    ),
    ("getopendata/treasury-yield-curve-daily", {"columns": ["date", "m3", "y10", "y30"]}),
)


class Story:
    """Writes to a terminal; without one, the same words without colour or spinner."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self.surprises = 0

    def chapter(self, title: str, about: str) -> None:
        """A new part of the demo."""
        self._console.print(f"\n[bold]{escape(title)}[/bold]\n[dim]{escape(about)}[/dim]")

    def section(self, title: str) -> None:
        """A part of a chapter."""
        self._console.print(f"\n  [cyan]{escape(title)}[/cyan]")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """A spinner while something runs, where there is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status(f"{what} …"):
            yield

    def done(self, what: str) -> None:
        """Something went well."""
        self._console.print(f"  [green]✓[/green] {escape(what)}")

    def published(self, outcome: dict[str, Any]) -> None:
        """One Dagster run that was meant to go through."""
        name, seconds = outcome["dataset"], outcome["seconds"]
        if not outcome["success"]:
            self._failure(name, outcome)
            return
        release = _metadata(outcome, name)
        if release is None:
            self.done(f"{name}: no change, no release ({seconds} s)")
            return
        self.done(f"{name} {release.get('release')}: {_size_of_change(release)} ({seconds} s)")

    def blocked(self, title: str, outcome: dict[str, Any], *, untouched: bool) -> None:
        """One Dagster run that must not go through."""
        closed = [c for c in outcome["checks"] if c["blocking"] and not c["passed"]]
        stopped = " and ".join(f"check {check['name']}" for check in closed) or "no check"
        state = "the published release is untouched" if untouched else "THE POINTER MOVED"
        name = escape(outcome["dataset"])
        if not closed or not untouched:
            self._failure(name, outcome)
        self._console.print(f"\n  [red]✗[/red] [bold]{escape(title)}[/bold]")
        self._console.print(f"    {name}: stopped by {stopped}; {state}")
        for check in closed:
            lines = (check["description"] or "").splitlines()
            # A report tells its hints itself, below a first line that says what was said above.
            for line in lines[1:] or [*lines, f"→ {check['hint']}"]:
                self._console.print(f"    {escape(line)}")

    def bundled(self, outcome: dict[str, Any]) -> None:
        """One Dagster run of a bundle that was meant to go through."""
        name, seconds = outcome["bundle"], outcome["seconds"]
        if not outcome["success"]:
            self._failure(name, outcome)
            return
        channels = [
            made for made in outcome["materialized"] if made["asset"].startswith("channel_index")
        ]
        for made in channels:
            self.done(f"{made['asset']}: {_told(made['metadata'])}")
        bundle = [made for made in outcome["materialized"] if made["asset"] == "bundle_index"]
        told = _told(bundle[0]["metadata"]) if bundle else "no change"
        self.done(f"{name} at {outcome['commit'][:12]}: {told} ({seconds} s)")

    def stopped(self, what: str) -> None:
        """Something that was found to be wrong, as it should be."""
        self._console.print(f"  [red]✗[/red] {escape(what)}")

    def expect(self, holds: bool, what: str) -> None:
        """Something that has to hold for the demo to have shown what it says."""
        if holds:
            self.done(what)
            return
        self.surprises += 1
        self.stopped(f"NOT SO: {what}")

    def code(self, call: str, lines: list[str]) -> None:
        """A call and what came of it."""
        self._console.print(f"\n  [cyan]{escape(call)}[/cyan]")
        self._console.print("\n".join(f"    {escape(line)}" for line in lines))

    def load_everything(self, store: Path, trust: Path) -> None:
        """What a consumer gets: frames, and what reading them cost."""
        self.chapter("Load", "One line to a DataFrame; only what is needed is read, all verified.")
        environ = {"OPENDATA_STORAGE": str(store), "OPENDATA_TRUST": str(trust)}
        settings = Settings(environ, store.parent.parent)
        for reference, query in EXAMPLES:
            self._load(reference, query, settings)
        checked = verify_dataset(
            settings.reader(), parse_reference(EXAMPLES[0][0]), settings.trust()
        )
        self.done(
            f"od.verify: {checked.objects} objects hashed again, "
            f"{'none damaged' if checked.passed else 'DAMAGED'}, by {checked.trusted}"
        )

    def close(
        self, root: Path, store: Path, trust: Path, links: Mapping[str, str], seconds: float
    ) -> None:
        """What to type next; plain lines, so that they can be copied."""
        self.chapter(f"Done in {seconds:.0f} s. Go on with", "What was made stays in this folder.")
        python = root / ".venv" / "bin" / "python"
        load = "import opendata as od; print(od.load('getopendata/world-airports'))"
        for line in (
            f"export OPENDATA_STORAGE={store}",
            f"export OPENDATA_TRUST={trust}",
            *(f"export {name}={value}" for name, value in links.items()),
            f'{python} -c "{load}"',
            f"git clone {links['OPENDATA_SPEC_REPO']}    # change a bundle, push, and watch",
            f"make -C {root} dev    # Dagster on what just happened: http://127.0.0.1:3000",
        ):
            self._console.print(f"  {escape(line)}")

    def _load(self, reference: str, query: dict[str, Any], settings: Settings) -> None:
        dataset = Dataset(reference, settings)
        frame = dataset.load(**query)
        arguments = "".join(f", {name}={value!r}" for name, value in query.items())
        self._console.print(f'\n  [cyan]od.load("{reference}"{escape(arguments)})[/cyan]')
        text = frame.head(3).to_string(index=False)
        self._console.print("\n".join(f"    {escape(line)}" for line in text.splitlines()))
        self._console.print(f"    [dim]{len(frame):,} rows; {escape(str(dataset.stats))}[/dim]")

    def _failure(self, name: str, outcome: dict[str, Any]) -> None:
        self.surprises += 1
        reasons = "\n".join(outcome["failures"])
        self._console.print(f"  [red]✗[/red] {escape(name)}: {escape(reasons)}")


def _metadata(outcome: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The metadata of the published asset, or None where it was not materialised."""
    for entry in outcome["materialized"]:
        if entry["asset"] == name:
            metadata: dict[str, Any] = entry["metadata"]
            return metadata
    return None


def _told(metadata: dict[str, Any]) -> str:
    """What an index or a bundle holds."""
    files, size = metadata.get("files", 0), metadata.get("bytes", 0)
    return f"{counted(files, 'file')}, {human_bytes(size)}"


def _size_of_change(metadata: dict[str, Any]) -> str:
    counts = [metadata.get(f"rows_{kind}") for kind in ("added", "removed", "changed")]
    rows = metadata.get("dagster/row_count", 0)
    if any(counts):
        added, removed, changed = (count or 0 for count in counts)
        return f"{rows:,} rows (+{added:,} −{removed:,} ~{changed:,})"
    return f"{rows:,} rows"
