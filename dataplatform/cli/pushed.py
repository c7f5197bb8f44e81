"""What publishing from Python returns: the release that holds what was handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dataplatform.releases.chain import NothingNew, Released


@dataclass(frozen=True)
class Pushed:
    """The release that holds what was pushed; `changed` is False if it was there already."""

    id: str
    release: str
    changed: bool
    row_count: int
    diff: dict[str, Any] = field(repr=False)

    @property
    def version(self) -> str:
        """The release's number."""
        return self.release

    def __repr__(self) -> str:
        news = "published" if self.changed else "nothing new"
        return f"<{self.id}@{self.release}: {self.row_count:,} rows, {news}>"


def pushed(result: Released | NothingNew) -> Pushed:
    """The outcome of a release, for Python."""
    candidate = result.checked.built.candidate
    if isinstance(result, NothingNew):
        return Pushed(candidate.id, result.release, False, candidate.row_count, {})
    manifest = result.published.release.manifest
    return Pushed(manifest.id, manifest.release, True, manifest.row_count, result.change.to_json())
