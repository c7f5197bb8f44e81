"""What the commands that watch share: which bundles are meant, and by which rules they are judged.

Here belongs going from what was typed to locks and monitoring. What is measured stands in
`dataplatform.bundles.watch`.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplatform.bundle_wiring import bundle_ports
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.monitoring import Monitoring, read_monitoring
from dataplatform.cli.place import find_settings, require_store
from dataplatform.settings import Settings
from opendata.reading.bundle_signature import verify_bundle
from opendata.reading.file_index.bundles import find_bundle
from opendata.wire.bundle import BundleLock
from opendata.wire.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Site:
    """The settings and ports of here, and the rules that the spec repository has."""

    settings: Settings
    ports: BundlePorts
    monitoring: Monitoring


def open_site() -> Site:
    """Everything that watching acts through, as the settings say.

    Raises:
        NotFound: if there is no store.
        InvalidDefinition: if the monitoring file is broken, with places.
    """
    settings = find_settings()
    ports = bundle_ports(settings)
    require_store(ports.store)
    try:
        repo = ports.open_spec_repo()
    except NotFound:
        return Site(settings, ports, Monitoring())
    return Site(settings, ports, read_monitoring(repo, repo.head()))


def find_lock(ports: BundlePorts, reference: str, kind: str | None) -> BundleLock:
    """The lock that `NAME`, `NAME@VERSION` or `TYPE/NAME@VERSION` means.

    Raises:
        NotFound: with did-you-mean.
        InvalidInput: for what names no bundle.
    """
    name, _, version = reference.partition("@")
    typed, slash, bare = name.rpartition("/")
    if slash and kind is not None and typed != kind:
        raise InvalidInput(f"{reference} says {typed}, and --type says {kind}", code="usage")
    return find_bundle(ports.store, bare, version or None, type=typed or kind).lock


def find_trusted_lock(site: Site, reference: str, kind: str | None) -> BundleLock:
    """The same, signed as the trust file of `OPENDATA_TRUST` asks, where there is one.

    Raises:
        Denied: if it is not: nobody is told that its files are sound, and nothing is written to
            the places that it names.
    """
    lock = find_lock(site.ports, reference, kind)
    verify_bundle(lock, site.settings.trust(), site.ports.store)
    return lock


def parse_share(text: str) -> float:
    """A share as it is typed: `5%`, `5 %` or `0.05`.

    Raises:
        InvalidInput: if it is none, or not more than 0 and at most 100 %.
    """
    bare = text.strip()
    try:
        share = float(bare.removesuffix("%")) / (100 if bare.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InvalidInput(f"{text!r} is no share of the files", code="usage", hint="--sample 5%")
    return share
