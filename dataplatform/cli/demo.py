"""`od demo`: the main job on real data, from a source's bytes to a frame.

It runs the project's own producers through Dagster into the local store, lets four bad releases be
stopped, has a commit become a bundle, loads what came out, and says what to open next. Running it
again runs the newest vintage again and publishes nothing, since nothing changed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dataplatform.adapters.mirrors.wheels import Vintage, fill_mirror, read_vintages
from dataplatform.adapters.signing.ed25519 import create_key
from dataplatform.cli.demo_bundles import DemoLake, index_demo_bundle, show_demo_bundle
from dataplatform.cli.demo_story import Story
from opendata.stores import FolderStore
from opendata.wire.errors import NotFound, Rejected, Unavailable
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


@dataclass(frozen=True)
class Case:
    """A release that has to be stopped: which producers make it of which vintage."""

    title: str
    dataset: str
    producers: str
    vintage: str


CASES = (
    Case(
        "a resumed download wrote rows twice, and a tool emptied some keys",
        "world-airports",
        "demo/blocked/contract-broken",
        "2026-10",
    ),
    Case(
        "the download ended after three fifths of the file",
        "world-airports",
        "demo/blocked/quality-failed",
        "2026-10",
    ),
    Case(
        "a column was dropped without announcing the next major version",
        "iso-3166-2-subdivisions",
        "demo/blocked/breaking-change",
        "2026-10",
    ),
    Case(
        "older bytes of the source, in which one column means something else",
        "iso-3166-2-subdivisions",
        "producers",
        "2023-12",
    ),
)


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

    @property
    def environment(self) -> dict[str, str]:
        """What Dagster's process is told; other settings of the user's are left out."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENDATA_", "AWS_"))}
        return kept | {
            "DAGSTER_HOME": str(self.root),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "GX_ANALYTICS_ENABLED": "false",
            "OPENDATA_STORAGE": str(self.store),
            "OPENDATA_SIGNING_KEY": self.signing_key,
        }

    @property
    def signing_key(self) -> str:
        """The demo's own key; who trusts it reads nothing that is pushed without it."""
        return f"file:{self.local / 'keys' / 'demo.pem'}"


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
    lake = DemoLake(site.root)
    with control_room(site, story) as room:
        publish_vintages(site, room, mirrors, story)
        show_blocked(site, room, mirrors, story)
        index_demo_bundle(lake, site.environment, room.follow_commits, story)
    story.load_everything(site.store, trust)
    show_demo_bundle(lake, site.environment, story)
    goes_on = {"OPENDATA_SIGNING_KEY": site.signing_key, **lake.environment}
    story.close(site.root, site.store, trust, goes_on, time.monotonic() - started)
    if story.surprises:
        raise Rejected(
            f"{story.surprises} runs did not end as they should",
            code="demo_failed",
            hint=f"Dagster's log is {site.local / 'demo.log'}",
        )


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


class ControlRoom:
    """Dagster in a process of its own; asked for one run at a time, so that it starts only once."""

    def __init__(self, process: subprocess.Popen[str], story: Story, log: Path) -> None:
        self._process = process
        self._story = story
        self._log = log

    def run(self, name: str, mirror: Path, producers: Path) -> dict[str, Any]:
        """The outcome of one run of a data set's assets and checks."""
        settings = {"OPENDATA_MIRROR": str(mirror), "OPENDATA_PRODUCERS": str(producers)}
        dataset = f"{NAMESPACE}/{name}"
        return self._ask(dataset, {"dataset": dataset, "environment": settings})

    def follow_commits(self, environment: Mapping[str, str]) -> dict[str, Any]:
        """The outcome of one look at the spec repository, and of the runs that it asked for."""
        return self._ask("the spec repository", {"commits": True, "environment": environment})

    def _ask(self, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None  # both were asked for as pipes
        assert answers is not None
        with self._story.working(what):
            requests.write(json.dumps(request) + "\n")
            requests.flush()
            answer = answers.readline()
        if not answer:
            raise Unavailable(
                "Dagster's process ended before it had an answer",
                code="dagster_ended",
                hint=f"its log is {self._log}",
            )
        outcome: dict[str, Any] = json.loads(answer)
        return outcome


@contextmanager
def control_room(site: DemoSite, story: Story) -> Iterator[ControlRoom]:
    """Start Dagster's process, and end it whatever happens."""
    log_path = site.local / "demo.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dataplatform.defs.materialize"],
            cwd=site.root,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield ControlRoom(process, story, log_path)
            process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()


def publish_vintages(
    site: DemoSite, room: ControlRoom, mirrors: Mapping[str, Path], story: Story
) -> None:
    """Run the producers through Dagster, one vintage after the other."""
    again = _is_published(site)
    story.chapter(
        "Produce, check, freeze, publish",
        "Each data set is three Dagster assets with blocking checks between them."
        + (" This store has the demo's releases already: nothing should change." if again else ""),
    )
    for vintage in VINTAGES[-1:] if again else VINTAGES:
        story.section(f"the sources as of {vintage}")
        for name in DATASETS:
            story.published(room.run(name, mirrors[vintage], site.root / "producers"))


def show_blocked(
    site: DemoSite, room: ControlRoom, mirrors: Mapping[str, Path], story: Story
) -> None:
    """Bad releases that must not come out; the published ones stay what they were."""
    story.chapter(
        "Blocked",
        "The same producers after real-life accidents. The published releases stay as they are.",
    )
    for case in CASES:
        before = _pointer(site, case.dataset)
        outcome = room.run(case.dataset, mirrors[case.vintage], site.root / case.producers)
        story.blocked(case.title, outcome, untouched=_pointer(site, case.dataset) == before)


def _pointer(site: DemoSite, name: str) -> bytes | None:
    store = FolderStore(str(site.store))
    key = pointer_key(parse_dataset_id(f"{NAMESPACE}/{name}"))
    return store.get(key).data if store.stat(key) else None


def _is_published(site: DemoSite) -> bool:
    return all(_pointer(site, name) is not None for name in DATASETS)
