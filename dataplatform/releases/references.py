"""References: which releases of other data sets a contract's rules look values up in.

They are pinned when a candidate is built and stand among its inputs, so that checking it again, at
any later time, looks in the same rows. Here belongs choosing them and finding them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dataplatform.contracts.model import Contract
from dataplatform.contracts.referential import (
    Pinned,
    PinnedTable,
    Reference,
    ReferentialRule,
    referential_rules,
)
from dataplatform.contracts.release_range import parse_range
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.releases.candidate import Candidate, InputRelease
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.history import walk_history
from opendata.reading.marks import standing_yank, yank_marks
from opendata.reading.resolve import Release, read_current, read_release
from opendata.wire.digest import parse_digest
from opendata.wire.errors import NotFound, OpenDataError
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version, parse_version


def pin_references(
    ports: ReleasePorts,
    definition: DatasetDefinition,
    beside: Manifest | Candidate | None,
    inputs: Sequence[Release],
) -> list[Release]:
    """The releases that the rules need beside the inputs that are pinned already.

    Args:
        beside: What tells the contract where the definition declares none.

    Raises:
        NotFound: if a data set or release does not exist, with the rule that refers to it.
    """
    found: list[Release] = []
    for rule in referential_rules(_rules(definition, beside)):
        known = ((str(one.id), one.version) for one in (*inputs, *found))
        if not any(_is_meant(rule.references, *one) for one in known):
            found.append(_chosen(ports, rule))
    return found


def pinned_tables(
    ports: ReleasePorts, contract: Contract, inputs: Sequence[InputRelease]
) -> Pinned:
    """What the rules refer to, from the inputs that a candidate names; errors stand as values."""
    rules = referential_rules(contract.rules)
    return {rule.references: _table(ports, rule.references, inputs) for rule in rules}


def _table(
    ports: ReleasePorts, reference: Reference, inputs: Sequence[InputRelease]
) -> PinnedTable | OpenDataError:
    pin = next((p for p in inputs if _is_meant(reference, p.id, parse_version(p.release))), None)
    if pin is None:
        return NotFound(
            f"no release of {reference.dataset} was pinned when this was built",
            code="reference_missing",
            hint="build it again: od run, or od push",
        )
    try:
        manifest = read_release(
            ports.store,
            parse_dataset_id(pin.id),
            parse_version(pin.release),
            expected_sha256=parse_digest(pin.manifest_sha256),
        ).manifest
        files = [ports.shard_path(entry) for entry in manifest.files]
    except OpenDataError as error:
        error.hint = error.hint or f"od verify {pin.id}@{pin.release}"
        return error
    return PinnedTable(pin.id, pin.release, pin.manifest_sha256, files)


def _rules(definition: DatasetDefinition, beside: Manifest | Candidate | None) -> Sequence[object]:
    if definition.contract is not None:
        return definition.contract.rules
    return Contract.model_validate(beside.contract).rules if beside is not None else ()


def _is_meant(reference: Reference, dataset: str, version: Version) -> bool:
    if dataset != reference.dataset:
        return False
    return reference.release is None or version in parse_range(reference.release)


def _chosen(ports: ReleasePorts, rule: ReferentialRule) -> Release:
    """The current release if it is meant, else the newest one that is and was not withdrawn."""
    reference = rule.references
    dataset = parse_dataset_id(reference.dataset)
    current = read_current(ports.store, dataset)
    if current is None:
        raise NotFound(
            f"{rule.label} looks values up in {dataset}, which was never published",
            code="reference_missing",
            hint=f"od run {dataset} --publish",
        )
    if _is_meant(reference, str(dataset), current.version):
        return current
    version = next(_candidates(ports, reference, dataset), None)
    if version is None:
        raise NotFound(
            f"{rule.label} looks values up in {dataset} {reference.release}, and no such release "
            f"was published; the current one is {current.version}",
            code="reference_missing",
            hint=f"od releases {dataset}",
        )
    return read_release(ports.store, dataset, version)


def _candidates(ports: ReleasePorts, reference: Reference, dataset: DatasetId) -> Iterator[Version]:
    published = {parse_version(move.release) for move in walk_history(ports.store, dataset)}
    exact = parse_range(reference.release).exact if reference.release else None
    for version in sorted(published, reverse=True):
        if not _is_meant(reference, str(dataset), version):
            continue
        # Who names one release gets that one, withdrawn or not; a range goes past it.
        if exact or standing_yank(yank_marks(ports.store, dataset, version)) is None:
            yield version
