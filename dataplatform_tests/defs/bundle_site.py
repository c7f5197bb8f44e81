"""A control room with a spec repository in real git, and channels of real files in a folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from dataplatform.bundles.run_names import SENSOR
from dataplatform_tests.defs.site import Run, Site
from opendata.reading.file_index.bundles import find_bundle
from opendata.wire.bundle import BundleLock

CHANNEL = "image_original"
PATH = "bundles/weekly/model-v1.0.0-2025.25.yaml"
PARTITION = "weekly/model-v1.0.0-2025.25"


@dataclass
class SpecClone:
    """A person's working clone beside its bare remote."""

    folder: Path
    remote: Path
    commit_at: str | None = None

    @classmethod
    def create(cls, root: Path) -> SpecClone:
        clone = cls(root / "clone" / "DataSpecHub", root / "DataSpecHub.git")
        clone.folder.mkdir(parents=True)
        git(root, "init", "-q", "--bare", "-b", "main", str(clone.remote))
        git(clone.folder, "init", "-q", "-b", "main")
        git(clone.folder, "config", "user.name", "A Steward")
        git(clone.folder, "config", "user.email", "steward@example.org")
        git(clone.folder, "remote", "add", "origin", str(clone.remote))
        return clone

    def push(
        self, files: Mapping[str, Any], message: str = "change", *, force: bool = False
    ) -> str:
        """Commit files (None removes one) and push; returns the commit."""
        self.commit(files, message)
        git(self.folder, "push", "-q", *(["--force"] if force else []), "origin", "HEAD:main")
        return self.head

    def commit(self, files: Mapping[str, Any], message: str = "change") -> str:
        """Commit without pushing."""
        for path, content in files.items():
            place = self.folder / path
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        git(self.folder, "add", "-A")
        when = {"GIT_COMMITTER_DATE": self.commit_at} if self.commit_at else {}
        git(self.folder, "commit", "-q", "--allow-empty", "-m", message, **when)
        return self.head

    def import_commits(self, files: Sequence[tuple[str, str]]) -> None:
        """A commit for each path and text, all pushed at once; the clone stays behind."""
        script = []
        for number, (path, text) in enumerate(files):
            script.append(
                f"commit refs/heads/main\ncommitter A Steward <steward@example.org> "
                f"{1_750_000_000 + number} +0000\ndata {len(path)}\n{path}\n"
                + ("from refs/heads/main^0\n" if number == 0 else "")
                + f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}\n"
            )
        done = subprocess.run(
            ["git", "fast-import", "--quiet"],
            cwd=self.remote,
            input="".join(script).encode(),
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr

    @property
    def head(self) -> str:
        return git(self.folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *words: str, **environ: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, env={**os.environ, **environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class BundleSite:
    """Where a test works: a site with a spec repository and a lake of files."""

    root: Path
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.specs = SpecClone.create(self.root)
        environ = {"OPENDATA_SPEC_REPO": str(self.specs.remote)} | self.environ
        self.site = Site(self.root, environ, self.instance)
        self.cursor: str | None = None
        self._defs: dg.Definitions | None = None

    @property
    def store(self) -> Any:
        return self.site.platform.ports.store

    def fill(self, channel: str = CHANNEL, count: int = 3, day: int = 1) -> Path:
        """Files of a channel, one an hour, in the document's folders."""
        for hour in range(count):
            place = self.root / "lake" / channel / f"2025/06/{day:02}/{hour:02}/img_{hour:03}.jpg"
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                place.write_bytes(f"{channel} {day} {hour}".encode())
        return self.root / "lake" / channel

    def channel_spec(self, channel: str = CHANNEL, **fields: Any) -> dict[str, Any]:
        """A spec of a channel whose files `fill` made."""
        place = str(self.root / "lake" / channel)
        return {"channel": channel, "version": "1.2.0", "storage_path": place, **fields}

    def bundle_spec(self, *channels: dict[str, Any], path: str = PATH) -> dict[str, Any]:
        """A bundle's spec; without channels it asks for the one of every test."""
        kind, stem = path.removeprefix("bundles/").removesuffix(".yaml").split("/")
        name, _, version = stem.partition("-")
        asked = channels or ({"channel": CHANNEL, "version": ">=1.2,<2"},)
        meta = {"bundle_name": name, "bundle_version": version, "bundle_type": kind}
        return {"meta": meta, "channels": list(asked)}

    def begin(self, **fields: Any) -> str:
        """Files, their channel's spec and a bundle that asks for it, in one push."""
        self.fill()
        spec = {f"channels/{CHANNEL}/spec-1.2.0.yaml": self.channel_spec(**fields)}
        return self.specs.push({**spec, PATH: self.bundle_spec()})

    def text(self, path: str) -> str:
        """What a file of the clone says."""
        return (self.specs.folder / path).read_text()

    def use(self, defs: dg.Definitions | None) -> None:
        """Go on with definitions that were loaded before; None: load them at every use."""
        self._defs = defs

    def defs(self) -> dg.Definitions:
        """The definitions as a reload makes them, unless a test goes on with older ones."""
        return self._defs or self.site.defs()

    def tick(self) -> Any:
        """One look of the sensor; its partitions are added, its cursor is stored."""
        with dg.build_sensor_context(
            self.instance, cursor=self.cursor, definitions=self.defs()
        ) as context:
            result = self.defs().resolve_sensor_def(SENSOR).evaluate_tick(context)
        self.cursor = result.cursor if result.cursor is not None else self.cursor
        for each in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(each.partitions_def_name, each.partition_keys)
        return result

    def execute(self, request: dg.RunRequest, config: dict[str, Any] | None = None) -> Run:
        """What the daemon does with a run request, in this process."""
        job = self.defs().resolve_implicit_global_asset_job_def()
        return Run(
            job.execute_in_process(
                instance=self.instance,
                asset_selection=list(request.asset_selection or ()),
                tags={**request.tags, "dagster/run_key": request.run_key or ""},
                run_config=config,
                raise_on_error=False,
            )
        )

    def request(self, run: Run) -> dg.RunRequest:
        """The request of a run that has ended, to make another like it."""
        before = self.instance.get_run_by_id(run.id)
        assert before is not None
        keys = before.asset_selection or run.result.job_def.asset_layer.selected_asset_keys
        return dg.RunRequest(asset_selection=list(keys), tags=dict(before.tags))

    def check(self, request: dg.RunRequest) -> Run:
        """The checks of a bundle alone."""
        job = dg.define_asset_job(
            "asked", dg.AssetSelection.checks_for_assets(dg.AssetKey("bundle_index"))
        )
        repository = dg.Definitions.merge(self.defs(), dg.Definitions(jobs=[job]))
        result = repository.resolve_job_def("asked").execute_in_process(
            instance=self.instance, tags=dict(request.tags), raise_on_error=False
        )
        return Run(result)

    def follow(self) -> list[Run]:
        """One look of the sensor and the runs that it asks for."""
        return [self.execute(request) for request in self.tick().run_requests]

    def lock(self, name: str = "model", version: str | None = None) -> BundleLock:
        """The bundle as its readers get it."""
        return find_bundle(self.store, name, version).lock
