"""Patching from outside: a reference and a patch become a release, or the rehearsal of one.

Here belongs what the command and the Python verb share.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from dataplatform.cli.patch_files import rows_beside
from dataplatform.releases.build import Log
from dataplatform.releases.chain import NothingNew, Rehearsal, Released
from dataplatform.releases.patching.build import Patching
from dataplatform.releases.patching.parse import Patch
from dataplatform.releases.patching.release import prepare_patch, rehearse_patch, release_patch
from dataplatform.releases.trace import RunReference
from dataplatform.wiring import Platform
from opendata.wire.ids import DatasetId

Tell = Callable[[str, str | None], None]


def publish_patch(
    platform: Platform,
    dataset: DatasetId,
    patch: Patch,
    folder: Path,
    tell: Tell,
    step: Callable[[str], None],
    log: Log = lambda level, line: None,
) -> Released | NothingNew:
    """Patch the current release and publish what comes out; files lie beside `folder`.

    Raises:
        InvalidInput, Conflict, GateClosed, BreakingChange: and nothing has happened then.
    """
    patching = _prepared(platform, dataset, patch, folder)
    result = release_patch(
        platform.ports, patching, RunReference(run_id=uuid.uuid4().hex, by="od"), step, log
    )
    if isinstance(result, Released):
        _tell_of_producer(patching, tell)
    return result


def preview_patch(
    platform: Platform,
    dataset: DatasetId,
    patch: Patch,
    folder: Path,
    tell: Tell,
    step: Callable[[str], None],
) -> Rehearsal:
    """What publishing the patch would do; `platform` should be a rehearsal's."""
    patching = _prepared(platform, dataset, patch, folder)
    rehearsal = rehearse_patch(platform.ports, patching, step, lambda level, line: None)
    _tell_of_producer(patching, tell)
    return rehearsal


def _prepared(platform: Platform, dataset: DatasetId, patch: Patch, folder: Path) -> Patching:
    rows = rows_beside(folder)
    return prepare_patch(platform.ports, dataset, patch, rows, platform.settings.preview_rows)


def _tell_of_producer(patching: Patching, tell: Tell) -> None:
    if "main_sha256" in patching.base.manifest.trace["method"]["code"]:
        tell(
            f"the producer of {patching.base.id} knows nothing of this patch: a run that brings "
            "other rows brings its own values back",
            "correct the source or main.py too; a run with the rows from before is refused",
        )
