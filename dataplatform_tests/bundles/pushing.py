"""A spec repository, a hook and a sensor that ask a control room for runs, all in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import yaml

from dataplatform.bundles.backlog import Look, look_at, read_cursor
from dataplatform.bundles.ingress import Accepted, accept
from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.ports import ChannelPorts
from dataplatform_tests.fakes.control_room import FakeControlRoom
from dataplatform_tests.fakes.spec_repo import FakeSpecRepo
from dataplatform_tests.fakes.stores import CrashingStore, Fault, FaultyStore, SimulatedCrash
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectStore

PATH = "bundles/weekly/model-v1.0.0-2025.25.yaml"
CHANNEL = {"channel": "images", "version": "1.2.0", "storage_path": "/lake/images"}


class Pushing:
    """Pushes, and what is done about them. The time is `now`."""

    def __init__(self, at_once: int = 100) -> None:
        self.repo, self.room, self.store = FakeSpecRepo(), FakeControlRoom(), MemoryStore()
        self.now = datetime(2025, 6, 20, 10, 30, tzinfo=UTC)
        self.cursor, self.at_once = "", at_once
        self._writing: ObjectStore = self.store
        self.repo.commit({"channels/images/spec-1.2.0.yaml": yaml.safe_dump(CHANNEL)})

    def spec(self, path: str = PATH, comment: str = "") -> str:
        """A bundle's spec that asks for a channel which must be there and one which need not."""
        kind, stem = path.removeprefix("bundles/").removesuffix(".yaml").split("/")
        name, _, version = stem.partition("-")
        meta = {"bundle_name": name, "bundle_version": version, "bundle_type": kind}
        channels = [
            {"channel": "images", "version": ">=1.2,<2"},
            {"channel": "sounds", "version": "*", "required": False, "on_missing": "ignore"},
        ]
        return yaml.safe_dump({"meta": meta, "channels": channels}) + f"# {comment}\n"

    def push(self, files: Mapping[str, str | None]) -> str:
        """Commit to the branch; returns the commit."""
        return self.repo.commit(dict(files))

    def tell(self, commit: str, *paths: str) -> Accepted:
        """Deliver a message about a push."""
        payload = {"bundle_file": list(paths or (PATH,)), "spec_repo_commit": commit}
        return accept(self._ports, self.room, payload)

    def look(self) -> Look:
        """One look of the sensor; its cursor is stored."""
        look = self._look()
        self.cursor = str(look.cursor)
        return look

    def tick(self, *, killed: str = "") -> None:
        """One tick of the daemon. It may be `killed` before runs are created or before the cursor
        is stored."""
        look = self._look()
        if killed == "before runs":
            return
        self.room.ask(look.ask)
        if killed != "before cursor":
            self.cursor = str(look.cursor)
        self.now += timedelta(seconds=30)

    def crash_at(self, act: Callable[..., Any], *given: Any, write: int) -> bool:
        """Kill whoever acts after so many of its writes; False if it needed fewer."""
        self._writing = CrashingStore(self.store, write)
        try:
            act(*given)
        except SimulatedCrash:
            return True
        finally:
            self._writing = self.store
        return False

    def fail_writes(self) -> None:
        """From now on the store takes nothing."""
        faults = [Fault("put_new", times=10**6), Fault("put_if_match", times=10**6)]
        self._writing = FaultyStore(self.store, faults)

    def _look(self) -> Look:
        cursor = read_cursor(self.cursor)
        return look_at(self.repo, self._writing, cursor, self.now, at_once=self.at_once)

    @property
    def _ports(self) -> BundlePorts:
        return BundlePorts(
            store=self._writing,
            channels=cast(ChannelPorts, None),  # nothing is indexed here
            open_spec_repo=lambda: self.repo,
            open_index_repo=lambda: None,
            now=lambda: self.now,
            base_url="http://127.0.0.1:8000",
        )
