"""`od demo`: the main job on real data, from a source's bytes to a frame.

It runs the project's own producers through Dagster into the local store, lets three bad releases be
stopped, loads what came out, and says what to open next. Running it again runs the newest
vintage again and publishes nothing, since nothing changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dataplatform.adapters.mirrors.wheels import Vintage, fill_mirror, read_vintages
from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.cli.demo_story import Story
from opendata.stores import FolderStore
from opendata.wire.errors import NotFound
from opendata.wire.ids import parse_dataset_id
from opendata.wire.keys import pointer_key

NAMESPACE = "getopendata"
DATASETS = (
    "world-airports",
    "ecb-euro-reference-rates",
    "iso-3166-2-subdivisions",
    "treasury-yield-curve-daily",
    "airports-by-subdivision",
)
VINTAGES = ("2026-08", "2026-09", "2026-10")
CASES = (
    ("contract-broken", "world-airports", "2026-10"),
    ("quality-failed", "world-airports", "2026-10"),
    ("breaking-change", "iso-3166-2-subdivisions", "2026-10"),
)
OLD_MEANING = ("2023-12", "iso-3166-2-subdivisions")


@dataclass(frozen=True)
class DemoSite:
    """Where the demo works: the project's root and what lies in it."""

    root: Path

    @property
    def local(self) -> Path:
        """Everything that the demo writes."""
        return self.root / ".opendata"

    @property
    def store(self) -> Path:
        """Where its releases go: the store that every command at the root finds by itself."""
        return self.local / "store"

    def environment(self, mirror: Path, producers: Path) -> dict[str, str]:
        """What Dagster's process is told; other settings of the user's are left out."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENDATA_", "AWS_"))}
        return kept | {
            "DAGSTER_HOME": str(self.root),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "GX_ANALYTICS_ENABLED": "false",
            "OPENDATA_STORAGE": str(self.store),
            "OPENDATA_PRODUCERS": str(producers),
            "OPENDATA_MIRROR": str(mirror),
            "OPENDATA_SIGNING_KEY": f"file:{self.local / 'keys' / 'demo.pem'}",
        }


def find_site(start: Path) -> DemoSite:
    """The project's root at or above a folder.

    Raises:
        NotFound: outside of a checkout, since the demo's producers are part of it.
    """
    for folder in (start, *start.parents):
        if (folder / "demo" / "vintages.toml").is_file() and (folder / "dagster.yaml").is_file():
            return DemoSite(folder)
    raise NotFound(
        f"{start} is not inside a checkout of opendata, which carries the demo's producers",
        code="no_checkout",
        hint="clone the repository, then: make demo",
    )


@click.command(name="demo")
def demo() -> None:
    """Produce, block, publish and load real data sets, end to end."""
    started = time.monotonic()
    site = find_site(Path.cwd().resolve())
    story = Story()
    trust = prepare_trust(site)
    mirrors = fill_mirrors(site, story)
    publish_vintages(site, mirrors, story)
    show_blocked(site, mirrors, story)
    story.load_everything(site.store, trust)
    story.close(site.root, site.store, trust, time.monotonic() - started)


def prepare_trust(site: DemoSite) -> Path:
    """A signing key of the demo's own (0600) and the trust file that accepts it."""
    signer = create_key(site.local / "keys" / "demo.pem")
    trust = site.local / "keys" / "trust.json"
    trust.write_text(signer.trust_file(), encoding="utf-8")
    return trust


def fill_mirrors(site: DemoSite, story: Story) -> dict[str, Path]:
    """One folder per vintage that answers in place of the live sources."""
    from uv import find_uv_bin

    story.chapter(
        "The sources, offline",
        "Real files of the sources, taken out of pinned packages; one folder per point in time.",
    )
    declared: Mapping[str, Vintage] = read_vintages(site.root / "demo" / "vintages.toml")
    roots = {}
    for name, vintage in declared.items():
        roots[name] = site.local / "mirrors" / name
        with story.working(f"vintage {name}"):
            fill_mirror(roots[name], vintage, uv=find_uv_bin(), log=lambda line: None)
        hosts = sorted(folder.name for folder in roots[name].iterdir() if folder.is_dir())
        story.done(f"vintage {name}: {', '.join(hosts)}")
    return roots


def publish_vintages(site: DemoSite, mirrors: Mapping[str, Path], story: Story) -> None:
    """Run the producers through Dagster, one vintage after the other."""
    again = _is_published(site)
    vintages = VINTAGES[-1:] if again else VINTAGES
    story.chapter(
        "Produce, check, freeze, publish",
        "Each data set is three Dagster assets with blocking checks between them."
        + (
            " The store has this demo's releases already, so nothing should change."
            if again
            else ""
        ),
    )
    for vintage in vintages:
        story.section(f"the sources as of {vintage}")
        environment = site.environment(mirrors[vintage], site.root / "producers")
        for outcome in _run_dagster(site, environment, DATASETS, story):
            story.published(outcome)


def show_blocked(site: DemoSite, mirrors: Mapping[str, Path], story: Story) -> None:
    """Bad releases that must not come out; the published ones stay what they were."""
    story.chapter(
        "Blocked",
        "The same producers after real-life accidents. The published releases stay as they are.",
    )
    for case, name, vintage in CASES:
        producers = site.root / "demo" / "blocked" / case
        _show_case(site, mirrors[vintage], producers, name, story, case)
    vintage, name = OLD_MEANING
    title = f"older bytes of the source ({vintage}), in which a column means something else"
    _show_case(site, mirrors[vintage], site.root / "producers", name, story, title)


def _show_case(
    site: DemoSite, mirror: Path, producers: Path, name: str, story: Story, title: str
) -> None:
    before = _pointer(site, name)
    environment = site.environment(mirror, producers)
    for outcome in _run_dagster(site, environment, (name,), story):
        story.blocked(title, outcome, untouched=_pointer(site, name) == before)


def _run_dagster(
    site: DemoSite, environment: dict[str, str], names: tuple[str, ...], story: Story
) -> Iterator[dict[str, Any]]:
    """One Dagster process for several data sets; yields each run's outcome as it ends."""
    log_path = site.local / "demo.log"
    ids = [f"{NAMESPACE}/{name}" for name in names]
    command = [sys.executable, "-m", "dataplatform.defs.materialize", *ids]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            command, cwd=site.root, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            for dataset in ids:
                with story.working(dataset):
                    line = process.stdout.readline() if process.stdout else ""
                if not line:
                    raise click.ClickException(f"Dagster stopped early; its log is {log_path}")
                yield json.loads(line)
        finally:
            process.stdout and process.stdout.close()
            process.wait()


def _pointer(site: DemoSite, name: str) -> bytes | None:
    store = FolderStore(str(site.store))
    key = pointer_key(parse_dataset_id(f"{NAMESPACE}/{name}"))
    return store.get(key).data if store.stat(key) else None


def _is_published(site: DemoSite) -> bool:
    return all(_pointer(site, name) is not None for name in DATASETS)
