"""Which channels a request's run has to do with, known before the run begins.

Here belongs the reading and resolving of a spec for that alone. It forgives: a spec that says
nothing that can be resolved has no channels, and its run says what is wrong with it.
"""

from __future__ import annotations

from dataplatform.bundles.asked import newest_with
from dataplatform.bundles.parse import parse_bundle_spec
from dataplatform.bundles.published import PublishedReleases
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.resolve import Resolved, resolve_bundle
from dataplatform.channels.catalogue import read_channels
from dataplatform.ports import SpecRepo
from opendata.stores.port import ObjectReader
from opendata.wire.errors import InvalidInput, NotFound, Rejected


def asked_channels(
    repo: SpecRepo, store: ObjectReader, request: BundleRequest
) -> tuple[Resolved, ...]:
    """The channels and data sets that a bundle's spec asks for, at the versions that it means now.

    Raises:
        Unavailable, Denied: where the repository or the store cannot be read.
    """
    try:
        spec = parse_bundle_spec(repo.read(request.path, request.commit), request.path)
        channels = read_channels(repo, newest_with(repo, request.commit))
        return resolve_bundle(spec, channels, PublishedReleases(store)).resolved
    except (InvalidInput, NotFound, Rejected):
        return ()


def step_channels(repo: SpecRepo, store: ObjectReader, request: BundleRequest) -> tuple[str, ...]:
    """The channels that steps of their own may index before the bundle's: a failed step holds back
    what comes after it, so what may be missing is left to the bundle's own step.

    Raises:
        Unavailable, Denied: where the repository or the store cannot be read.
    """
    asked = asked_channels(repo, store, request)
    return tuple(one.channel for one in asked if one.asked.on_missing == "fail")
