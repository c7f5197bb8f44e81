"""The bundle in `od demo`: a pair of git repositories, real files, a commit, and what follows.

A commit to the spec repository becomes, through Dagster, an indexed and locked bundle; its files
are listed by time; a byte of one of them rots, is found, and is mended.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dataplatform.adapters.indexrepo.git import GitIndexRepo
from dataplatform.adapters.mirrors.lake import fill_lake, read_lake
from dataplatform.cli.demo_story import Story
from opendata.wire.errors import NotFound
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from dataplatform.bundles.ports import BundlePorts
    from opendata.wire.bundle import BundleLock

NAME: Final = "demo_model"
CHANNEL: Final = "image_sample"
DAMAGED: Final = "image_sample/v1.0.0/2026/06/01/07/brick.png"
START: Final = "2026-06-01T10:00Z"
END: Final = "2026-06-01T12:59Z"
Follow = Callable[[Mapping[str, str]], dict[str, Any]]


@dataclass(frozen=True)
class DemoLake:
    """Where the demo's bundle lives: repositories, files, and a second place of the same files."""

    root: Path

    @property
    def folder(self) -> Path:
        """Everything that this part of the demo writes, beside the store."""
        return self.root / ".opendata" / "demo"

    @property
    def specs(self) -> Path:
        """The bare remote of the spec repository."""
        return self.folder / "DataSpecHub.git"

    @property
    def indexes(self) -> Path:
        """The bare remote of the index repository."""
        return self.folder / "DataIndexHub.git"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that link both to the platform."""
        return {"OPENDATA_SPEC_REPO": str(self.specs), "OPENDATA_INDEX_REPO": str(self.indexes)}


def index_demo_bundle(
    lake: DemoLake, environment: Mapping[str, str], follow: Follow, story: Story
) -> None:
    """Fill the lake, commit the specs, and let Dagster follow the commit."""
    story.chapter(
        "A commit becomes a bundle",
        "Real pictures and tables, filed under synthetic hours; a published data set beside them.",
    )
    _fill(lake, story)
    _commit_specs(lake, story)
    _mend_what_was_left(_ports(lake, environment))
    outcome = follow(lake.environment)
    if not outcome["runs"]:
        story.done(f"weekly/{NAME}: no new commit, so there is nothing to do")
    for run in outcome["runs"]:
        story.bundled(run)


def show_demo_bundle(lake: DemoLake, environment: Mapping[str, str], story: Story) -> None:
    """What a consumer and an operator do with it."""
    from opendata.reading.file_index.bundles import find_bundle

    story.chapter(
        "Use the bundle", "Files by time and what is known of them; damage is found and mended."
    )
    ports = _ports(lake, environment)
    lock = find_bundle(ports.store, NAME).lock
    _list_files(environment["OPENDATA_STORAGE"], story)
    _let_rot(lake, ports, lock, story)


def _ports(lake: DemoLake, environment: Mapping[str, str]) -> BundlePorts:
    from dataplatform.settings import read_settings
    from dataplatform.wiring import from_settings

    return from_settings(read_settings({**environment, **lake.environment}, lake.root)).bundles


def _mend_what_was_left(ports: BundlePorts) -> None:
    """A demo that was interrupted while a file was damaged left that remembered."""
    from dataplatform.bundles.watch.mend import apply_repair
    from dataplatform.bundles.watch.repair import plan_repair
    from opendata.reading.file_index.bundles import find_bundle

    try:
        lock = find_bundle(ports.store, NAME).lock
    except NotFound:
        return  # the first time
    apply_repair(ports, plan_repair(ports, lock, now=_now()), now=_now())


def _fill(lake: DemoLake, story: Story) -> None:
    from uv import find_uv_bin

    declared = read_lake(lake.root / "demo" / "lake" / "lake.toml")
    with story.working("the lake"):
        for place in ("lake", "mirror"):
            fill_lake(lake.folder / place, declared, uv=find_uv_bin())
    story.done(f"{counted(len(declared.files), 'file')} in {lake.folder / 'lake'}")


def _commit_specs(lake: DemoLake, story: Story) -> None:
    for bare in (lake.specs, lake.indexes):
        if not (bare / "HEAD").is_file():
            bare.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    tree = lake.root / "demo" / "specs"
    # Whoever clones the repository reads and indexes from another folder.
    here, there = f'".opendata/{lake.folder.name}/', f"{json.dumps(str(lake.folder))[:-1]}/"
    files = {
        path.relative_to(tree).as_posix(): path.read_text("utf-8").replace(here, there).encode()
        for path in sorted(tree.rglob("*"))
        if path.is_file()
    }
    hand = GitIndexRepo(str(lake.specs), str(lake.folder / "hand.git"))
    commit = hand.publish(files, branches=["main"], message="Ask for the demo's bundle")["main"]
    story.done(f"commit {commit[:12]} in {lake.specs}")


def _list_files(store: str, story: Story) -> None:
    from opendata import DataIndexClient

    with DataIndexClient(store) as client:
        files = client.list_files(NAME, channel=CHANNEL, start_time=START, end_time=END)
        story.code(
            f'DataIndexClient().list_files("{NAME}", channel="{CHANNEL}", '
            f'start_time="{START}", end_time="{END}")',
            [
                f"{file['timestamp']:%Y-%m-%d %H:%M}  {file['relative_path']}  "
                f"{human_bytes(file['size_bytes'])}  {file['metadata'].get('title', '')}"
                for file in files
            ],
        )


def _let_rot(lake: DemoLake, ports: BundlePorts, lock: BundleLock, story: Story) -> None:
    """Change one byte as a disk would, and leave size and time as they are."""
    from dataplatform.bundles.watch.mend import apply_repair
    from dataplatform.bundles.watch.repair import plan_repair
    from dataplatform.bundles.watch.verify import verify_bundle

    path = lake.folder / "lake" / DAMAGED
    before = path.stat()
    _flip_a_bit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    story.section("one bit of one file rots")
    found = verify_bundle(ports, lock, now=_now())
    damaged = [file for channel in found.channels for file in channel.damaged]
    for file in damaged:
        story.stopped(f"od bundle verify {NAME}: {file.path} is {file.kind}")
    done = apply_repair(ports, plan_repair(ports, lock, now=_now()), now=_now())
    for fetched in done.fetched:
        story.done(f"od bundle repair {NAME}: {fetched} was fetched again from its mirror")
    after = verify_bundle(ports, lock, now=_now())
    story.expect(
        len(damaged) == 1 and bool(done.fetched) and after.passed,
        f"{counted(after.files, 'file')} hashed again, {human_bytes(after.bytes)}: none damaged",
    )


def _flip_a_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(1000)
        (byte,) = file.read(1)
        file.seek(1000)
        file.write(bytes([byte ^ 1]))


def _now() -> datetime:
    return datetime.now(UTC)
