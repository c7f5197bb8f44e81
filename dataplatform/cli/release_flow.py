"""The release flow for Python, one verb after the other (S4-39…S4-49): `opendata.releases`.

`od.push` goes the whole way at once. Here each step is a call of its own, for who wants to look,
tell or decide in between::

    draft = releases.draft(frame, "ns/name", primary_key=["day"])
    releases.attach_provenance(draft, {"source": [...]})
    releases.assert_contract(draft)
    releases.quality_metrics(draft)
    releases.sign_data(draft, "file:key.pem")
    frozen = releases.freeze_release(draft, "1.1.0")
    releases.publish_release(frozen)
"""

from __future__ import annotations

import dataclasses
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dataplatform.adapters.signing.ed25519 import open_signer
from dataplatform.cli.frames import as_reader
from dataplatform.cli.place import find_settings
from dataplatform.cli.pushing import PushRequest, pushed_definition
from dataplatform.contracts.model import Contract
from dataplatform.contracts.report import Report
from dataplatform.releases.build import Built
from dataplatform.releases.candidate import InputRelease
from dataplatform.releases.chain import require_passed
from dataplatform.releases.derive import derive_copies
from dataplatform.releases.draft import with_provenance, with_version
from dataplatform.releases.freeze import Unchanged, freeze_candidate, preview_freeze
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import publish_release as publish
from dataplatform.releases.quarantine import with_quarantined
from dataplatform.releases.references import pinned_tables
from dataplatform.releases.run import build_pushed
from dataplatform.releases.trace import RunReference
from dataplatform.releases.validate import validate_candidate
from dataplatform.settings import Settings
from dataplatform.wiring import for_rehearsal, from_settings
from opendata.reading.resolve import read_current, resolve
from opendata.reading.signature import verdict_statement
from opendata.wire.errors import InvalidInput, Rejected
from opendata.wire.ids import DatasetId, parse_dataset_id, parse_reference
from opendata.wire.version import parse_version


@dataclass
class Draft:
    """A staged candidate on its way to a release. Telling more about it makes another candidate."""

    dataset: DatasetId
    ports: ReleasePorts = field(repr=False)
    settings: Settings = field(repr=False)
    built: Built = field(repr=False)

    @property
    def digest(self) -> str:
        """The candidate's name: verdicts are bound to it."""
        return self.built.digest


@dataclass(frozen=True)
class FrozenRelease:
    """A frozen release; `resumed` if an interrupted attempt had frozen it before."""

    id: str
    version: str
    manifest: dict[str, Any] = field(repr=False)
    resumed: bool = False
    ports: ReleasePorts | None = field(default=None, repr=False)


def draft(data: Any, reference: str, **metadata: Any) -> Draft:
    """Stage rows as a candidate; `metadata` are fields and sections of `opendata.yaml`.

    Raises:
        InvalidInput: if the rows make no table, or the metadata no definition.
    """
    settings = find_settings()
    ports, dataset = from_settings(settings).ports, parse_dataset_id(reference)
    request = PushRequest(dataset, as_reader(data), metadata)
    definition = pushed_definition(request, read_current(ports.store, dataset), lambda *told: None)
    built = build_pushed(
        ports, definition, request.rows, readme=None, preview_rows=settings.preview_rows
    )
    return Draft(dataset, ports, settings, built)


def _require_draft(ds: Any, verb: str) -> None:
    """Say what a verb works on, where it was given something else."""
    if not isinstance(ds, Draft):
        raise InvalidInput(
            f"{verb} works on a draft and was given a {type(ds).__name__}",
            code="no_draft",
            hint='draft = releases.draft(data, "ns/name", …)',
        )


def attach_provenance(ds: Draft, trace: Mapping[str, Any]) -> None:
    """Tell where the rows came from and how they were made (S4-40, S4-90): source → method.

    Args:
        trace: `{"source": [{"url", "sha256", "size_bytes"}], "method": {…}, "nodes": [{"id", …}],
            "edges": [[from, to], …]}`; nodes and edges are the steps between, as a graph.

    Raises:
        InvalidInput: if the trace is not of that form, or its steps run in a circle.
    """
    _require_draft(ds, "attach_provenance")
    ds.built = with_provenance(ds.ports, ds.built, trace)


def bump_version(ds: Draft, semver: str) -> None:
    """Declare the draft's next data release (S4-39, S4-85).

    Freezing writes it into `manifest.versioning`, with the schema version that the change gives,
    and refuses one that does not follow from the change.

    Raises:
        InvalidInput: if it is no version.
        Rejected: if it is not ahead of the current release.
    """
    _require_draft(ds, "bump_version")
    version, current = parse_version(semver), read_current(ds.ports.store, ds.dataset)
    if current is not None and version <= current.version:
        raise Rejected(
            f"{version} is not ahead of the current release {current.version} of {ds.dataset}",
            code="wrong_version",
            hint=f"od releases {ds.dataset}; without bump_version the change gives the number",
            details={"declared": str(version), "current": str(current.version)},
        )
    ds.built = with_version(ds.ports, ds.built, version)


def validate_dataset(ds: Draft | str, *, strict: bool = False) -> Report:
    """The contract's report (S4-42) on a draft or on a published release (`ns/name@1.2.0`).

    With `strict`, rules that would only warn fail as well. Findings are values: nothing is raised
    for them.
    """
    if isinstance(ds, Draft):
        report = validate_candidate(ds.ports, ds.dataset, ds.digest).report
    else:
        report = _validate_release(ds)
    return report.strict() if strict else report


def assert_contract(ds: Draft | str) -> None:
    """Raise if the contract does not hold (S4-10, S4-43).

    Raises:
        GateClosed: with the offending rows, the rule and what to do.
    """
    dataset = ds.dataset if isinstance(ds, Draft) else parse_reference(ds).id
    require_passed(dataset, validate_dataset(ds))


def quality_metrics(ds: Draft) -> dict[str, Any]:
    """What was measured of a draft, and whether it reaches its thresholds (S4-45).

    Returns:
        `{"passed", "row_count", "completeness": {column: share}, "distinct": {column: estimate},
        "figures": {rule: number}, "findings": […]}`; figures are those of queries (S4-46).
    """
    _require_draft(ds, "quality_metrics")
    gated = gate_candidate(ds.ports, ds.dataset, ds.digest)
    report, profile = gated.report, gated.profile
    rows = profile.row_count
    return {
        "passed": report.passed,
        "row_count": rows,
        "completeness": {
            name: (rows - column.null_count) / rows if rows else 1.0
            for name, column in profile.columns.items()
        },
        "distinct": {name: column.distinct_estimate for name, column in profile.columns.items()},
        "figures": report.figures,
        "findings": [finding.to_json() for finding in report.findings],
    }


def sign_data(ds: Draft, keyref: str) -> dict[str, Any]:
    """Sign a draft's content and freeze it with the same key (S4-48).

    Args:
        keyref: `env:NAME` or `file:PATH` of an ed25519 private key; keys of the trust file count
            beside it.

    Returns:
        A DSSE envelope over an in-toto statement whose subject is this candidate.

    Raises:
        Denied: if there is no such key.
    """
    _require_draft(ds, "sign_data")
    signer = open_signer(keyref, ds.settings.environ, ds.settings.trust())
    if signer is None:
        raise InvalidInput("sign_data needs a key: env:NAME or file:PATH", code="no_key")
    ds.ports = dataclasses.replace(ds.ports, signer=signer)
    content = {"content_hash": ds.built.candidate.content_hash}
    return signer.sign(verdict_statement(content, ds.digest))


def freeze_release(ds: Draft, tag: str | None = None) -> FrozenRelease:
    """Check, number, sign and freeze a draft (S4-49); nobody sees it before it is published.

    Args:
        tag: The version that it must get; by default whatever the change asks for.

    Raises:
        GateClosed: if contract or quality say no.
        BreakingChange, Rejected: if the change needs another version, or there is no change.
    """
    require_passed(ds.dataset, validate_dataset(ds))
    require_passed(ds.dataset, gate_candidate(ds.ports, ds.dataset, ds.digest).report)
    _require_tag(ds, tag)
    run = RunReference(run_id=uuid.uuid4().hex, by="opendata.releases")
    frozen = freeze_candidate(ds.ports, ds.dataset, ds.digest, run)
    if isinstance(frozen, Unchanged):
        raise Rejected(
            f"{ds.dataset} holds these rows already as {frozen.current.version}: no change, no "
            "release",
            code="no_change",
        )
    release = frozen.release
    return FrozenRelease(
        str(ds.dataset), str(release.version), release.manifest.to_json(), frozen.resumed, ds.ports
    )


def publish_release(release: FrozenRelease) -> dict[str, Any]:
    """Make a frozen release the current one.

    Returns:
        The pointer as it stands now.

    Raises:
        Rejected: if it is not frozen, or its objects are gone.
        Conflict: naming the winner, if another release was published meanwhile.
    """
    dataset, version = parse_dataset_id(release.id), parse_version(release.version)
    ports = release.ports or from_settings(find_settings()).ports
    published = publish(ports, dataset, version)
    derive_copies(ports, dataset)
    return published.pointer.to_json()


def _require_tag(ds: Draft, tag: str | None) -> None:
    if tag is None:
        return
    _, numbers = preview_freeze(ds.ports, ds.dataset, ds.digest)
    if parse_version(tag) != numbers.data_release:
        raise Rejected(
            f"this change makes {ds.dataset}@{numbers.data_release}, not {tag}",
            code="wrong_version",
            hint=f"freeze it as {numbers.data_release}, or declare more with bump_version",
            details={"declared": tag, "required": str(numbers.data_release)},
        )


def _validate_release(reference: str) -> Report:
    with tempfile.TemporaryDirectory(prefix="opendata-validate-") as scratch:
        ports = for_rehearsal(find_settings(), scratch).ports
        manifest = resolve(ports.store, parse_reference(reference)).manifest
        contract = Contract.model_validate(manifest.contract)
        files = [ports.shard_path(entry) for entry in manifest.files]
        inputs = msgspec.convert(manifest.trace.get("inputs", []), tuple[InputRelease, ...])
        pinned = pinned_tables(ports, contract, inputs)
        report, _ = ports.engine.check(files, contract, time=manifest.time_column, pinned=pinned)
    return with_quarantined(report, contract, manifest.quarantined)
