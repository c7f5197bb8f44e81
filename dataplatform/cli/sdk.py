"""What `import opendata` finds of the platform by name: `push` and the verbs of `releases`.

Here belongs the Python face of publishing. It speaks through return values, exceptions and Python's
own warnings, never to a terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dataplatform.cli import release_flow
from dataplatform.cli.frames import as_reader
from dataplatform.cli.indexing import build_index
from dataplatform.cli.place import UNSIGNED, find_settings, prepare_store, unsigned_hint
from dataplatform.cli.push_words import require_order
from dataplatform.cli.pushed import Pushed, pushed
from dataplatform.cli.pushing import PushRequest, push_rows
from dataplatform.cli.verbs.differences import diff_datasets
from dataplatform.cli.verbs.fields import normalize_field, register_field
from dataplatform.cli.verbs.freezing import freeze_release
from dataplatform.cli.verbs.moves import rollback, yank
from dataplatform.cli.verbs.patching import patch_dataset, patch_from_diff
from dataplatform.cli.verbs.readers import compatibility
from dataplatform.cli.verbs.retention import enforce_retention
from dataplatform.cli.verbs.versions import semver_compare
from dataplatform.cli.warning import warn
from dataplatform.releases.chain import Released
from dataplatform.releases.quarantine import sentence_about
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id


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
    prepare_store(settings, warn)
    result = push_rows(platform, request, warn, lambda step: None)
    if isinstance(result, Released) and platform.ports.signer is None:
        warn(UNSIGNED, unsigned_hint(settings))
    if aside := result.checked.built.candidate.quarantined:
        warn(sentence_about(aside), f'od.dataset("{reference}").quarantine shows them')
    return pushed(result)


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
            register_field,
            normalize_field,
            patch_dataset,
            patch_from_diff,
            release_flow.draft,
            release_flow.attach_provenance,
            release_flow.bump_version,
            release_flow.validate_dataset,
            release_flow.assert_contract,
            release_flow.quality_metrics,
            build_index,
            release_flow.sign_data,
            freeze_release,
            release_flow.publish_release,
            rollback,
            yank,
            enforce_retention,
            compatibility,
        )
    }
)
