"""What `import opendata` finds of the platform by name: `push` and the verbs of `releases`.

Here belongs the Python face of publishing. It speaks through return values, exceptions and Python's
own warnings, never to a terminal.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dataplatform.cli import release_flow
from dataplatform.cli.frames import as_reader
from dataplatform.cli.indexing import build_index
from dataplatform.cli.place import UNSIGNED, find_settings, prepare_store, unsigned_hint
from dataplatform.cli.push_words import require_order
from dataplatform.cli.pushing import PushRequest, push_rows
from dataplatform.cli.verbs.differences import diff_datasets
from dataplatform.cli.verbs.moves import rollback
from dataplatform.cli.verbs.readers import compatibility
from dataplatform.cli.verbs.versions import semver_compare
from dataplatform.releases.chain import NothingNew, Released
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id

_OURS = ("opendata.", "dataplatform.")


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


def push(
    data: Any,
    reference: str,
    *,
    new_columns: bool = False,
    force: bool = False,
    readme: str | None = None,
    **metadata: Any,
) -> Pushed:
    """Publish rows as a data set; see `opendata.push`.

    Args:
        data: A pandas or polars frame, an Arrow table or reader, or the path of a file.
        reference: `ns/name`.
        new_columns: Let columns that the contract does not know join it.
        force: Release even what has not changed.
        readme: Markdown that tells more.
        metadata: Fields and sections of `opendata.yaml`; what is left out is taken from the
            current release.
    """
    require_order(data, reference)
    settings = find_settings()
    request = PushRequest(
        parse_dataset_id(reference),
        as_reader(data),
        metadata,
        readme=readme.encode() if readme else None,
        new_columns=new_columns,
        force=force,
    )
    platform = from_settings(settings)
    prepare_store(settings, _warn)
    result = push_rows(platform, request, _warn, lambda step: None)
    if isinstance(result, Released) and platform.ports.signer is None:
        _warn(UNSIGNED, unsigned_hint(settings))
    return _pushed(result)


def _pushed(result: Released | NothingNew) -> Pushed:
    candidate = result.checked.built.candidate
    if isinstance(result, NothingNew):
        return Pushed(candidate.id, result.release, False, candidate.row_count, {})
    manifest = result.published.release.manifest
    return Pushed(manifest.id, manifest.release, True, manifest.row_count, result.change.to_json())


def _warn(message: str, hint: str | None = None) -> None:
    text = f"{message} ({hint})" if hint else message
    warnings.warn(text, UserWarning, stacklevel=_caller_level())


def _caller_level() -> int:
    """How far up the stack the line stands that called us, for Python to name it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame, level = frame.f_back, level + 1
    return level


class ReleaseVerbs:
    """`from opendata import releases`: the verbs of the release engine that exist, by name."""

    def __init__(self, verbs: dict[str, Callable[..., Any]]) -> None:
        self._verbs = verbs

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name in self._verbs:
            return self._verbs[name]
        raise AttributeError(
            f"opendata.releases has no verb {name!r}; it has {', '.join(sorted(self._verbs))}"
        )

    def __dir__(self) -> list[str]:
        return sorted(self._verbs)

    def __repr__(self) -> str:
        return f"<opendata.releases: {', '.join(sorted(self._verbs))}>"


releases = ReleaseVerbs(
    {
        verb.__name__: verb
        for verb in (
            semver_compare,
            diff_datasets,
            release_flow.draft,
            release_flow.attach_provenance,
            release_flow.bump_version,
            release_flow.validate_dataset,
            release_flow.assert_contract,
            release_flow.quality_metrics,
            build_index,
            release_flow.sign_data,
            release_flow.freeze_release,
            release_flow.publish_release,
            rollback,
            compatibility,
        )
    }
)
